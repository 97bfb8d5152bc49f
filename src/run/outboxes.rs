//! Opens the outbox that the job names.

use std::collections::BTreeMap;
use std::path::Path;

use super::load::{Call, Loaded};
use crate::deliver::{
    ByChannel, Credentials, Files, Guarded, Journal, MailOutbox, Maildir, Outbox, Smtp,
    SmtpSettings, Stop,
};
use crate::diag::Failure;
use crate::store::Place;

/// The outbox of a run whose folder is `folder`; it looks for `STOP` before each letter.
///
/// # Errors
/// `FixJob` where credentials are not in the environment.
pub(super) fn open(
    loaded: &Loaded,
    call: &Call,
    place: &Place,
    folder: &str,
) -> Result<Box<dyn Outbox>, Failure> {
    let stop = Stop::new(place.clone(), loaded.job.brakes.stop.clone());
    let outbox = unguarded(loaded, call, place, folder)?;
    Ok(Box::new(Guarded::new(outbox, stop)))
}

fn unguarded(
    loaded: &Loaded,
    call: &Call,
    place: &Place,
    folder: &str,
) -> Result<Box<dyn Outbox>, Failure> {
    let files = || Files::new(place.clone(), folder.to_owned());
    let journal_of = |place: &Place| (place.clone(), folder.to_owned());
    let email: Box<dyn Outbox> = match &loaded.job.delivery.email {
        MailOutbox::Files => return Ok(Box::new(files())),
        MailOutbox::Merge => Box::new(files().for_merge()),
        MailOutbox::Maildir { folder: maildir } => {
            let (place, folder) = journal_of(place);
            let beside = call.job.parent().unwrap_or(Path::new(""));
            Box::new(Journal::new(
                place,
                folder,
                Maildir::new(beside.join(maildir)),
            ))
        }
        MailOutbox::Smtp(settings) => {
            let (place, folder) = journal_of(place);
            let credentials = credentials(settings, &call.env)?;
            Box::new(Journal::new(
                place,
                folder,
                Smtp::new(settings.clone(), credentials, loaded.authorities.as_ref())?,
            ))
        }
    };
    Ok(Box::new(ByChannel {
        email,
        other: Box::new(files()),
    }))
}

fn credentials(
    settings: &SmtpSettings,
    env: &BTreeMap<String, String>,
) -> Result<Option<Credentials>, Failure> {
    let Some((user, password)) = &settings.auth_env else {
        return Ok(None);
    };
    let read = |name: &String| {
        env.get(name).cloned().ok_or_else(|| {
            Failure::fix_job(format!("the environment variable `{name}` is not set"))
                .at("", "delivery.smtp")
                .hint(
                    "set it to what the mail server's owner gave you; never write it into the job",
                )
        })
    };
    Ok(Some((read(user)?, read(password)?)))
}
