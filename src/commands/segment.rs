//! `dolmetsch segment`: the sentences of a German text.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use dolmetsch::segment::Segmenter;
use dolmetsch::{Error, Result, Span};
use serde::{Deserialize, Serialize};

use crate::cli::{Segment, SegmentFormat};

#[derive(Serialize)]
struct Record<'t> {
    start: usize,
    end: usize,
    text: &'t str,
}

#[derive(Deserialize)]
struct Request {
    text: String,
}

#[derive(Serialize)]
struct Response {
    ends: Vec<usize>,
}

/// Segments the input to stdout.
pub fn run(options: &Segment) -> anyhow::Result<()> {
    let segmenter = super::segmenter(options.abbreviations.as_deref())?;
    let (name, input) = super::open(options.input.as_deref(), options.encoding.encoding)?;
    let output = BufWriter::new(io::stdout().lock());
    if options.jsonl {
        requests(&segmenter, &name, input, output)?;
    } else {
        sentences(&segmenter, &name, input, output, options.format)?;
    }
    Ok(())
}

/// Prints the sentences of `input` line by line, so that memory holds one line.
///
/// `name` stands for the input in messages.
fn sentences(
    segmenter: &Segmenter,
    name: &str,
    input: impl BufRead,
    mut output: impl Write,
    format: SegmentFormat,
) -> Result<()> {
    for_each_line(name, input, |offset, line| {
        for span in segmenter.sentences(line) {
            let text = span.of(line);
            match format {
                SegmentFormat::Text => writeln!(output, "{text}").map_err(written)?,
                SegmentFormat::Jsonl => {
                    let Span { start, end } = span.shift(offset);
                    print_json(&mut output, &Record { start, end, text })?;
                }
            }
        }
        Ok(())
    })?;
    output.flush().map_err(written)
}

/// Answers each line `{"text": …}` with `{"ends": […]}`: where the sentences of the text end,
/// in code points, exclusive.
fn requests(
    segmenter: &Segmenter,
    name: &str,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<()> {
    let mut number = 0;
    for_each_line(name, input, |_, line| {
        number += 1;
        if line.trim().is_empty() {
            return Ok(());
        }
        let Request { text } = serde_json::from_str(line).map_err(|error| Error::InvalidInput {
            name: name.to_owned(),
            line: number,
            reason: format!(r#"is no JSON object with a "text" ({error})"#),
        })?;
        let ends = code_point_ends(&text, &segmenter.sentences(&text));
        print_json(&mut output, &Response { ends })
    })?;
    output.flush().map_err(written)
}

/// The ends of `spans`, counted in code points.
fn code_point_ends(text: &str, spans: &[Span]) -> Vec<usize> {
    let mut bytes = 0;
    let mut code_points = 0;
    spans
        .iter()
        .map(|span| {
            code_points += text[bytes..span.end].chars().count();
            bytes = span.end;
            code_points
        })
        .collect()
}

/// Calls `visit` with the offset and the text of each line, its line break included.
fn for_each_line(
    name: &str,
    mut input: impl BufRead,
    mut visit: impl FnMut(usize, &str) -> Result<()>,
) -> Result<()> {
    let mut line = Vec::new();
    let mut offset = 0;
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(Error::reading(name))?;
        if read == 0 {
            return Ok(());
        }
        let text = std::str::from_utf8(&line).map_err(|error| Error::InvalidUtf8 {
            name: name.to_owned(),
            offset: offset + error.valid_up_to(),
        })?;
        visit(offset, text)?;
        offset += read;
    }
}

fn print_json(mut output: impl Write, record: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut output, record)
        .map_err(std::io::Error::from)
        .and_then(|()| output.write_all(b"\n"))
        .map_err(written)
}

fn written(error: std::io::Error) -> Error {
    Error::io("write", Path::new("standard output"))(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(input: &[u8], format: SegmentFormat) -> Result<String> {
        let mut output = Vec::new();
        sentences(
            &Segmenter::german(),
            "article.txt",
            input,
            &mut output,
            format,
        )?;
        Ok(String::from_utf8(output).expect("sentences of UTF-8 are UTF-8"))
    }

    #[test]
    fn prints_a_sentence_per_line() {
        let text = "Es regnet. Wir bleiben hier.\n\nÜberschrift\nMorgen geht es weiter.";
        assert_eq!(
            segment(text.as_bytes(), SegmentFormat::Text).unwrap(),
            "Es regnet.\nWir bleiben hier.\nÜberschrift\nMorgen geht es weiter.\n"
        );
    }

    #[test]
    fn spans_count_bytes_from_the_start_of_the_file() {
        let text = "Öl ist teuer.\r\n  Es wird knapp. ";
        assert_eq!(
            segment(text.as_bytes(), SegmentFormat::Jsonl).unwrap(),
            "{\"start\":0,\"end\":14,\"text\":\"Öl ist teuer.\"}\n\
             {\"start\":18,\"end\":32,\"text\":\"Es wird knapp.\"}\n"
        );
    }

    #[test]
    fn names_the_byte_that_is_not_utf_8() {
        let error = segment(b"Gut.\nSchlecht\xff.\n", SegmentFormat::Text).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("article.txt: invalid UTF-8 at byte 13"),
            "{error}"
        );
    }

    #[test]
    fn answers_requests_in_code_points() {
        let mut output = Vec::new();
        let input = "{\"text\": \"Öl? Ja.\"}\n{\"text\": \"\"}\n";
        requests(&Segmenter::german(), "-", input.as_bytes(), &mut output).unwrap();
        assert_eq!(output, b"{\"ends\":[3,7]}\n{\"ends\":[]}\n");
    }

    #[test]
    fn names_the_line_of_a_bad_request() {
        let error = requests(
            &Segmenter::german(),
            "x.jsonl",
            &b"{\"txt\": 1}\n"[..],
            Vec::new(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("x.jsonl: line 1"), "{error}");
    }
}
