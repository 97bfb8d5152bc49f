//! Nights that were planned more than once, or did not end.

use super::*;

/// A revision that writes the one letter that had no contact does not make a small night of it.
#[test]
fn letters_of_a_night_are_those_of_all_its_plans() {
    let mut service = after(26, 0);
    for _ in 0..20 {
        let day = service.next_day();
        let mut tonight = service.ordinary(&[day]);
        service.end(&tonight);
        tonight.revision = 1;
        tonight.letters.truncate(1);
        service.end(&tonight);
    }
    let mut tonight = {
        let day = service.next_day();
        service.ordinary(&[day])
    };
    let settings = Settings {
        growth_from: 1,
        ..Settings::default()
    };
    assert_eq!(judge(&settings, &tonight, &service.view), []);
    add(&mut tonight, 400, 0, "exposed-smb");
    let pulled = judge(&settings, &tonight, &service.view);
    assert!(
        pulled.iter().any(|p| p.brake == Brake::Growth),
        "{pulled:?}"
    );
}

/// A held night says nothing to the medians until it is approved and ends.
#[test]
fn a_night_that_did_not_end_is_no_history() {
    let mut service = after(5, 20);
    let day = service.next_day();
    let mut tonight = service.ordinary(&[day]);
    add(&mut tonight, 3_000, 0, "botnet");
    let figures = tonight.figures(&History::of(&service.view, tonight.night, 14));
    let before = service.view.clone();
    service.push(Record::from(figures));
    let day = service.next_day();
    let next = service.ordinary(&[day]);
    let settings = Settings::default();
    assert_eq!(
        judge(&settings, &next, &before),
        judge(&settings, &next, &service.view)
    );
}
