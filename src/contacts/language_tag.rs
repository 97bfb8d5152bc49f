//! Language tags (RFC 5646).

/// Two-letter language subtags of the IANA registry, November 2026.
const TWO_LETTERS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce \
ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he \
hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko kr \
ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng nl nn no \
nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr \
ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh \
zu";

/// Is it a language tag? Two-letter languages are looked up; longer subtags, scripts and regions
/// are held against their form only. `_` for `-` is let through, as the reference checker does.
pub(super) fn is_language_tag(tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    let mut subtags = tag.split('-').peekable();
    let Some(language) = subtags.next() else {
        return false;
    };
    let is_well_made =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    if !tag.split('-').all(is_well_made) {
        return false;
    }
    let letters = |s: &str| s.bytes().all(|b| b.is_ascii_alphabetic());
    match language.len() {
        // Private use and the grandfathered `i-…`.
        1 => return matches!(language, "x" | "i") && subtags.peek().is_some(),
        2 if TWO_LETTERS.split(' ').any(|known| known == language) => {}
        3 if letters(language) => {}
        _ => return false,
    }
    let mut take = |is_one: &dyn Fn(&str) -> bool, most: usize| {
        for _ in 0..most {
            if subtags.next_if(|s| is_one(s)).is_none() {
                break;
            }
        }
    };
    take(&|s| s.len() == 3 && letters(s), 3);
    take(&|s| s.len() == 4 && letters(s), 1);
    take(
        &|s| match s.len() {
            2 => letters(s),
            3 => s.bytes().all(|b| b.is_ascii_digit()),
            _ => false,
        },
        1,
    );
    take(
        &|s| s.len() >= 5 || (s.len() == 4 && s.starts_with(|c: char| c.is_ascii_digit())),
        usize::MAX,
    );
    // Extensions and private use: a singleton and what belongs to it.
    match subtags.next() {
        None => true,
        Some(singleton) => singleton.len() == 1 && subtags.next().is_some_and(|s| !s.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_the_order_of_their_parts() {
        for tag in [
            "nl",
            "NL",
            "nl-NL",
            "nl_NL",
            "nl-Latn-NL",
            "zh-yue",
            "de-1996",
            "sl-rozaj-biske",
            "en-US-u-ca-gregory",
            "x-foo",
            "i-klingon",
            "eng",
            "es-419",
        ] {
            assert!(is_language_tag(tag), "{tag}");
        }
        for tag in [
            "",
            "*",
            "n",
            "zz",
            "jp",
            "Invalid",
            "Nederlands",
            "nl-",
            "nl--NL",
            "nl nl",
            "x",
            "nl-NL-Latn",
            "nl-u",
            "C.UTF-8",
            "en;q=0.8",
        ] {
            assert!(!is_language_tag(tag), "{tag}");
        }
    }
}
