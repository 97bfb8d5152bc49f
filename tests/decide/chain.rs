//! The chain of contacts: one row a case, with the reason and every step on record.

use std::collections::BTreeSet;

use jiff::civil::date;
use nachtwacht::model::published::{Answer, Dated, Own, OwnName};

use super::*;

fn dated(answer: Answer) -> Dated {
    Dated {
        day: date(2026, 3, 1),
        answer,
    }
}

fn found(address: &str) -> Dated {
    dated(Answer::Found(vec![address.to_owned()]))
}

fn none(why: &str) -> Dated {
    dated(Answer::None(why.to_owned()))
}

fn unknown(why: &str) -> Dated {
    dated(Answer::Unknown(why.to_owned()))
}

fn takes_mail() -> Dated {
    dated(Answer::Found(Vec::new()))
}

/// Company 7 has no contact, and alone owns `zeven.example`, the host `www.zeven.example` and
/// 192.0.2.0/28; company 9 owns the network that its rows lie in.
fn house() -> House {
    let mut house = House::new();
    house.contacts.clear();
    house.company(7, None, true);
    house.company(9, None, false);
    let owner = Company {
        party_kind: PartyKind::NetworkOwner,
        ..house.companies[&key(9)].as_ref().clone()
    };
    house.companies.insert(key(9), Arc::new(owner));
    let name = |name: &str, is_domain| OwnName {
        name: name.parse().unwrap(),
        is_domain,
    };
    let own = Own {
        names: vec![
            name("www.zeven.example", false),
            name("zeven.example", true),
        ],
        nets: vec!["192.0.2.0/28".parse().unwrap()],
        asns: BTreeSet::from([64500]),
    };
    house.published.own.insert(key(7), own);
    house
}

impl House {
    fn security_txt(&mut self, name: &str, dated: Dated) {
        self.published
            .security_txt
            .insert(name.parse().unwrap(), dated);
    }

    fn network(&mut self, net: &str, dated: Dated) {
        self.published.rdap_nets.insert(net.parse().unwrap(), dated);
    }

    fn takes_mail(&mut self, name: &str, dated: Dated) {
        self.published.mail.insert(name.parse().unwrap(), dated);
    }
}

fn without_post(house: &mut House) {
    house.company(7, None, false);
}

fn shielded(house: &mut House) {
    let mut company = house.companies[&key(7)].as_ref().clone();
    company.address.as_mut().unwrap().shielded = true;
    house.companies.insert(key(7), Arc::new(company));
}

/// What the case is, how it is made, reason, address (none: post), and the trail, where told.
type Case = (
    &'static str,
    fn(&mut House),
    ContactReason,
    &'static str,
    &'static str,
);

const REGISTER_FIRST: &[Case] = &[
    (
        "a registered contact goes first",
        |h| {
            h.contact(7, Channel::Email, "a@zeven.example", false);
            h.security_txt("zeven.example", found("s@zeven.example"));
        },
        ContactReason::Registered,
        "a@zeven.example",
        "registered: used",
    ),
    (
        "one that bounced is passed over",
        |h| {
            h.contact(7, Channel::Email, "oud@zeven.example", true);
            h.contact(7, Channel::Email, "a@zeven.example", false);
        },
        ContactReason::RegisteredAfterBounce,
        "a@zeven.example",
        "registered: email bounced; registered: used",
    ),
    (
        "what another company has too is not its own",
        |h| {
            h.published.own.clear();
            h.security_txt("zeven.example", found("s@zeven.example"));
        },
        ContactReason::PostalAddress,
        "",
        "registered: none; parent: no parent; security_txt: no name of its own; \
         rdap: nothing of its own; rfc2142: no domain of its own; postal_address: used",
    ),
    (
        "the job's own order",
        |h| {
            h.settings.chain = vec![ContactStep::PostalAddress, ContactStep::SecurityTxt];
            h.security_txt("zeven.example", found("s@zeven.example"));
        },
        ContactReason::PostalAddress,
        "",
        "postal_address: used",
    ),
];

const PUBLISHED: &[Case] = &[
    (
        "security.txt before post",
        |h| h.security_txt("zeven.example", found("s@zeven.example")),
        ContactReason::SecurityTxt,
        "s@zeven.example",
        "registered: none; parent: no parent; \
         security_txt: www.zeven.example unknown (never looked up); security_txt: used",
    ),
    (
        "that of a host counts as well",
        |h| h.security_txt("www.zeven.example", found("w@zeven.example")),
        ContactReason::SecurityTxt,
        "w@zeven.example",
        "registered: none; parent: no parent; security_txt: used",
    ),
    (
        "a file that ran out is none, a fetch that failed is unknown",
        |h| {
            h.security_txt("www.zeven.example", none("expired"));
            h.security_txt("zeven.example", unknown("timeout"));
        },
        ContactReason::PostalAddress,
        "",
        "registered: none; parent: no parent; \
         security_txt: www.zeven.example none (expired, as of 2026-03-01); \
         security_txt: zeven.example unknown (timeout, as of 2026-03-01); \
         rdap: 192.0.2.0/28 unknown (never looked up); rdap: AS64500 unknown (never looked up); \
         rdap: zeven.example unknown (never looked up); \
         rfc2142: zeven.example unknown (never looked up); postal_address: used",
    ),
    (
        "an address that bounced is passed over wherever it stands",
        |h| {
            h.contact(9, Channel::Email, "s@zeven.example", true);
            h.security_txt("zeven.example", found("s@zeven.example"));
            h.network("192.0.2.0/28", found("n@zeven.example"));
        },
        ContactReason::RdapAbuse,
        "n@zeven.example",
        "registered: none; parent: no parent; \
         security_txt: www.zeven.example unknown (never looked up); \
         security_txt: zeven.example bounced (as of 2026-03-01); rdap: used",
    ),
    (
        "the registry's mailbox of the AS",
        |h| {
            h.published
                .rdap_asns
                .insert(64500, found("as@zeven.example"));
        },
        ContactReason::RdapAbuse,
        "as@zeven.example",
        "",
    ),
    (
        "the registry's mailbox of the name",
        |h| {
            let name = "zeven.example".parse().unwrap();
            h.published
                .rdap_names
                .insert(name, found("d@zeven.example"));
        },
        ContactReason::RdapAbuse,
        "d@zeven.example",
        "",
    ),
    (
        "a role mailbox where the domain takes mail",
        |h| h.takes_mail("zeven.example", takes_mail()),
        ContactReason::RoleMailbox,
        "security@zeven.example",
        "",
    ),
    (
        "the second role where the first bounced",
        |h| {
            h.contact(7, Channel::Email, "security@zeven.example", true);
            h.takes_mail("zeven.example", takes_mail());
        },
        ContactReason::RoleMailbox,
        "abuse@zeven.example",
        "",
    ),
    (
        "no guess where the domain takes no mail",
        |h| h.takes_mail("zeven.example", none("null_mx")),
        ContactReason::PostalAddress,
        "",
        "",
    ),
    (
        "nor where nobody knows",
        |h| h.takes_mail("zeven.example", unknown("timeout")),
        ContactReason::PostalAddress,
        "",
        "",
    ),
    (
        "nor at a single host",
        |h| h.takes_mail("www.zeven.example", takes_mail()),
        ContactReason::PostalAddress,
        "",
        "",
    ),
];

const LAST: &[Case] = &[
    (
        "a shielded address is not used",
        shielded,
        ContactReason::NoneFound,
        "",
        "",
    ),
    (
        "the owner of the network, out of the register",
        |h| {
            shielded(h);
            h.contact(9, Channel::Email, "noc@negen.example", false);
            h.network("192.0.2.0/24", found("ander@net.example"));
        },
        ContactReason::NetworkOwner,
        "noc@negen.example",
        "",
    ),
    (
        "the narrowest network's mailbox",
        |h| {
            without_post(h);
            h.network("192.0.2.0/24", found("breed@net.example"));
            h.network("192.0.2.6/31", found("smal@net.example"));
        },
        ContactReason::NetworkOwner,
        "smal@net.example",
        "",
    ),
    ("nobody", without_post, ContactReason::NoneFound, "", ""),
];

#[test]
fn every_step_has_its_case() {
    let mut seen = BTreeSet::new();
    let cases = [REGISTER_FIRST, PUBLISHED, LAST].concat();
    for (case, setup, why, value, trail) in cases {
        let mut house = house();
        setup(&mut house);
        let mut of_owner = hit(7, 7, "rdp", 1, &[]);
        of_owner.asset = hit(7, 9, "rdp", 1, &[]).asset;
        let decided = house.decide(&[hit(7, 7, "rdp", 1, &[]), of_owner]);
        let of_seven = decided
            .letters
            .iter()
            .find(|d| d.letter.company.key == key(7));
        let drafted = of_seven.unwrap();
        let decision = decided.decisions.iter().find(|d| d.company.key == key(7));
        let found = decision.unwrap().contact_trail.join("; ");
        let recipient = &drafted.letter.recipient;
        assert_eq!(
            (recipient.why, recipient.value.as_str()),
            (why, value),
            "{case}: {found}"
        );
        let channel = if value.is_empty() {
            Channel::Post
        } else {
            Channel::Email
        };
        assert_eq!(recipient.channel, channel, "{case}");
        assert_eq!(
            drafted.is_sendable,
            why != ContactReason::NoneFound,
            "{case}"
        );
        assert!(!found.is_empty());
        if !trail.is_empty() {
            assert_eq!(found, trail, "{case}");
        }
        seen.insert(why);
    }
    // The parent's contacts, post for all and reminders by post have tables of their own.
    let apart = [
        ContactReason::Parent,
        ContactReason::JobSendsByPost,
        ContactReason::EscalatedToPost,
    ];
    for why in ContactReason::ALL {
        assert!(
            seen.contains(why) || apart.contains(why),
            "no case for {why}"
        );
    }
}

#[test]
fn a_network_owner_hears_only_what_lies_all_in_its_network() {
    let mut house = house();
    without_post(&mut house);
    house.network("192.0.2.0/25", found("een@net.example"));
    house.network("192.0.2.128/25", found("twee@net.example"));
    let near = hit(1, 7, "rdp", 1, &[]);
    let far = hit(2, 7, "rdp", 1, &[("ip", "192.0.2.200")]);
    let one = house.decide(std::slice::from_ref(&near));
    assert_eq!(one.letters[0].letter.recipient.value, "een@net.example");
    // What is for the company alone is for no owner of its network.
    let red = hit(1, 7, "rdp", 1, &[("tlp", "TLP:RED")]);
    let held = house.decide(std::slice::from_ref(&red));
    assert!(!held.letters[0].is_sendable);
    let trail = held.decisions[0].contact_trail.join("; ");
    assert!(
        trail.contains("TLP:RED is for the company alone"),
        "{trail}"
    );
    let both = house.decide(&[near, far]);
    assert_eq!(both.letters.len(), 1);
    let drafted = &both.letters[0];
    assert_eq!(drafted.letter.recipient.why, ContactReason::NoneFound);
    assert!(!drafted.is_sendable);
    let trail = both.decisions[0].contact_trail.join("; ");
    assert!(trail.contains("several networks"), "{trail}");
}
