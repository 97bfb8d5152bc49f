//! Companies: who they are and how a letter reaches them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use super::night::Micros;

/// A company's identity: `scheme:value`, such as `kvk:01234567`.
///
/// - The scheme is one of `kvk`, `rsin`, `vat`, `asn`, `net`, `unreg`.
/// - `kvk` has eight digits, `rsin` nine; leading zeros are part of it. Neither has a check
///   digit that the form could be tested by.
/// - `asn` holds an AS number without leading zeros.
/// - No blank, no control character; at most 80 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyKey(Box<str>);

impl CompanyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does it stand for somebody of whom a name, a network or an AS number is known and no more?
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        let scheme = self.0.split(':').next();
        scheme.is_some_and(|scheme| matches!(scheme, "unreg" | "net" | "asn"))
    }
}

impl fmt::Display for CompanyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CompanyKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, value) = text.split_once(':').ok_or(())?;
        let digits = |n: usize| value.len() == n && value.bytes().all(|b| b.is_ascii_digit());
        let token = || {
            !value.is_empty()
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        };
        let fits = match scheme {
            "kvk" => digits(8),
            "rsin" => digits(9),
            "asn" => {
                !value.starts_with('0')
                    && value.bytes().all(|b| b.is_ascii_digit())
                    && value.parse::<u32>().is_ok()
            }
            "vat" | "net" | "unreg" => token(),
            _ => false,
        };
        if fits && text.len() <= 80 {
            Ok(Self(text.into()))
        } else {
            Err(())
        }
    }
}

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The text that stands in tables.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text,)* } }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl ::std::str::FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(()) }
            }
        }
    };
}
pub(crate) use text_enum;

text_enum! {
    /// How a company stands to the service.
    PartyKind {
        /// Registered itself and takes part.
        Participant = "participant",
        /// Known from the trade register, takes no part.
        Registered = "registered",
        /// Known by a name or address alone.
        Unregistered = "unregistered",
        /// Hosting, access or cloud provider: hears for its customers.
        NetworkOwner = "network_owner",
    }
}

text_enum! {
    /// The language of a company's letters.
    Language {
        /// Dutch.
        Nl = "nl",
        /// English.
        En = "en",
    }
}

text_enum! {
    /// How a letter travels.
    Channel {
        /// Electronic mail.
        Email = "email",
        /// Paper.
        Post = "post",
        /// A person calls.
        Phone = "phone",
    }
}

/// A postal address, field by field as the register has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostalAddress {
    /// Street or post box.
    pub street: String,
    /// House or box number.
    pub house_number: String,
    /// Addition to the number, such as `A` or `bis`.
    pub house_number_addition: String,
    /// Postcode as registered, such as `1234AB`.
    pub postcode: String,
    /// Town.
    pub town: String,
    /// ISO 3166-1 alpha-2 code; `NL` where the register is silent.
    pub country: String,
    /// The register shields it: it must not be used for letters.
    pub shielded: bool,
}

impl PostalAddress {
    /// Is it in the Netherlands?
    #[must_use]
    pub fn is_dutch(&self) -> bool {
        self.country.is_empty() || self.country.eq_ignore_ascii_case("NL")
    }
}

/// One row of the table `companies`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Identity.
    pub key: CompanyKey,
    /// How it stands to the service.
    pub party_kind: PartyKind,
    /// Statutory or trade name, as registered.
    pub name: String,
    /// Language of its letters.
    pub language: Language,
    /// Industry code, in `sector_scheme`; empty where unknown.
    pub sector: String,
    /// `SBI2008` or `SBI2025`; empty where unknown.
    pub sector_scheme: String,
    /// Size class by number of people employed (`1`, `2-9`, `10-49`, `50-249`, `250+`); empty where unknown.
    pub size_class: String,
    /// Province, or the country for a foreign company; empty where unknown.
    pub province: String,
    /// Municipality by code or name, from which the province follows; empty where unknown.
    pub municipality: String,
    /// Days on which it took part: from inclusive, until exclusive.
    pub participant_since: Option<Date>,
    /// See `participant_since`.
    pub participant_until: Option<Date>,
    /// Why the service may write to it.
    pub legal_basis: String,
    /// Postal address; `None` where the register has none.
    pub address: Option<PostalAddress>,
    /// Parent company; moves neither a finding nor a letter.
    pub parent: Option<CompanyKey>,
}

impl Company {
    /// Does the company take part on this date?
    #[must_use]
    pub fn is_participant_on(&self, date: Date) -> bool {
        self.party_kind == PartyKind::Participant
            && self.participant_since.is_none_or(|since| since <= date)
            && self.participant_until.is_none_or(|until| date < until)
    }
}

/// One row of the table `contacts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Whose contact it is.
    pub company: CompanyKey,
    /// How it is reached.
    pub channel: Channel,
    /// Mail address or telephone number; empty for `post`, which goes to the company's address.
    pub value: String,
    /// Name of the function, such as `security` or `director`; never a person's name.
    pub role: String,
    /// 1 is tried first.
    pub priority: u16,
    /// When a person confirmed it.
    pub verified_at: Option<Micros>,
    /// When a letter came back from it.
    pub bounced_at: Option<Micros>,
}
