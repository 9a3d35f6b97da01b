//! A JSON object a line. All bytes stay but those of the one string.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Parsed, Reading, Record, Slot};
use crate::document::Span;

pub(super) fn record(content: String, ending: &[u8], reading: &Reading) -> Parsed {
    let fields: Fields = serde_json::from_str(&content).map_err(|error| {
        // The line is the input's, not the parser's.
        let error = error.to_string().replace(" line 1 column ", " byte ");
        format!("no JSON object: {error}")
    })?;
    let find = |name: &str| fields.0.iter().rfind(|(key, _)| key == name);
    let field = &reading.field;
    let (_, value) = find(field).ok_or_else(|| format!("no field \"{field}\""))?;
    if value.get() == "null" {
        return Ok(Record::copied(0, content.into_bytes(), ending));
    }
    if !value.get().starts_with('"') {
        return Err(format!("field \"{field}\" is no string"));
    }
    let text: String = serde_json::from_str(value.get())
        .map_err(|_| format!("field \"{field}\" has escapes that are no text"))?;
    let place = if reading.keep_source {
        for name in reading
            .targets
            .iter()
            .map(|&target| reading.added_name(target))
        {
            if find(&name).is_some() {
                return Err(format!("it has a field \"{name}\" already"));
            }
        }
        let end = content.trim_end().len() - 1;
        Span::new(end, end)
    } else {
        place(value, &content)
    };
    let mut after = content.as_bytes()[place.end..].to_vec();
    after.extend(ending);
    let mut before = content.into_bytes();
    before.truncate(place.start);
    Ok(Record {
        line: 0,
        before,
        text,
        after,
        slot: Some(Slot::Json),
    })
}

/// The bytes of a value in the line that it was read from.
fn place(value: &RawValue, line: &str) -> Span {
    let start = value.get().as_ptr() as usize - line.as_ptr() as usize;
    Span::new(start, start + value.get().len())
}

/// The fields of an object in their order, those of the same name too.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::capitals;
    use crate::job::Format;

    #[test]
    fn other_fields_keep_their_bytes() {
        for (line, replaced, added) in [
            (
                r#" {"id": 1.50, "text" : "ab\u00e4\n", "x":{"text":"no"}} "#,
                r#" {"id": 1.50, "text" : "ABÄ\n", "x":{"text":"no"}} "#,
                r#" {"id": 1.50, "text" : "ab\u00e4\n", "x":{"text":"no"},"text_en":"ABÄ\n"} "#,
            ),
            (
                r#"{"te\u0078t":"\"ja\"\t"}"#,
                r#"{"te\u0078t":"\"JA\"\t"}"#,
                r#"{"te\u0078t":"\"ja\"\t","text_en":"\"JA\"\t"}"#,
            ),
            (
                r#"{"text":"a","text":"b"}"#,
                r#"{"text":"a","text":"B"}"#,
                r#"{"text":"a","text":"b","text_en":"B"}"#,
            ),
            (r#"{"text":null}"#, r#"{"text":null}"#, r#"{"text":null}"#),
        ] {
            for (keep_source, expected) in [(false, replaced), (true, added)] {
                let input = format!("{line}\n");
                let (output, rejected) = capitals(input.as_bytes(), Format::Jsonl, keep_source);
                assert_eq!(output, format!("{expected}\n"));
                assert_eq!(rejected, []);
            }
        }
    }

    #[test]
    fn what_is_no_record_leaves_an_empty_line() {
        let input = b"{\"text\":\"a\"}\n{\"text\":\n[1]\n \n{\"t\":1}\n{\"text\":1}\n{\"text\":\"\\ud800\"}\n{\"text\":\"b\"} x\n{\"text\":\"c\",\"text_en\":\"\"}";
        let (output, rejected) = capitals(input, Format::Jsonl, true);
        assert_eq!(
            output,
            "{\"text\":\"a\",\"text_en\":\"A\"}\n\n\n \n\n\n\n\n\n"
        );
        let lines: Vec<u64> = rejected.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 5, 6, 7, 8, 9]);
    }
}
