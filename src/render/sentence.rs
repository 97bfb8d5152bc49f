//! A sentence of nothing but text and fields, `{{ name }}`, taken apart once: nearly all are, and a
//! letter says some twenty. The template engine says the others.

/// Pieces of a sentence, in order.
pub(super) struct Sentence(Vec<Piece>);

enum Piece {
    Text(String),
    Field(String),
}

impl Sentence {
    /// The pieces, or `None` where the sentence holds more than text and fields.
    pub(super) fn read(sentence: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once("{{") {
            let (field, behind) = after.split_once("}}")?;
            let field = field.trim_matches(' ');
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            if field.is_empty() || !field.chars().all(is_name) {
                return None;
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Field(field.to_owned()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let is_plain = |piece: &Piece| match piece {
            Piece::Text(text) => !text.contains(['{', '}']),
            Piece::Field(_) => true,
        };
        pieces.iter().all(is_plain).then_some(Self(pieces))
    }

    /// The sentence with its fields filled in, or `None` where a field has no value.
    pub(super) fn say(&self, values: &[(&'static str, &str)]) -> Option<String> {
        let mut said = String::with_capacity(256);
        for piece in &self.0 {
            said.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Field(name) => values.iter().find(|(key, _)| key == name)?.1,
            });
        }
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use tera::{Context, Tera};

    use super::Sentence;

    #[test]
    fn pieces_say_what_the_template_engine_says() {
        let values = [("name", "<b>{{ date }}"), ("date", "1 mei 2026")];
        for sentence in [
            "",
            "geen veld",
            "{{ name }}",
            "a {{name}} b {{  date }}. {{ name }}",
        ] {
            let (mut tera, mut context) = (Tera::new(), Context::new());
            for (key, value) in values {
                context.insert(key, value);
            }
            tera.add_raw_template("s", sentence).unwrap();
            let said = Sentence::read(sentence).and_then(|s| s.say(&values));
            assert_eq!(said, tera.render("s", &context).ok(), "{sentence}");
        }
    }

    #[test]
    fn anything_else_is_left_to_the_template_engine() {
        for sentence in [
            "{{ name | upper }}",
            "{{- name }}",
            "{% if name %}x{% endif %}",
            "{# a remark #}",
            "{{ a.b }}",
            "{{ name }",
        ] {
            assert!(Sentence::read(sentence).is_none(), "{sentence}");
        }
        let missing = Sentence::read("{{ who }}").and_then(|s| s.say(&[]));
        assert_eq!(missing, None);
    }
}
