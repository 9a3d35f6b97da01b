//! `dolmetsch tokenize`: lines of text to lines of JSON, and back.

use std::io::{self, BufRead, Write};
use std::path::Path;

use dolmetsch::{Device, Error, Model, TokenId, Tokenizer};
use serde::Deserialize;

use crate::cli::Tokenize;

/// A line that `--decode` reads: what encoding wrote, or the ids alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    Encoding { ids: Vec<TokenId> },
    Bare(Vec<TokenId>),
}

/// Tokenises each line of `input`, or decodes it.
///
/// Every line is answered at once, so that another program can hold a
/// conversation with this one.
pub fn run(options: &Tokenize) -> anyhow::Result<()> {
    let folder = Path::new(&options.model);
    let tokenizer = if options.model == "builtin" {
        Model::builtin(&Device::Cpu)?.tokenizer
    } else if folder.join("vocab.json").exists() || !folder.is_dir() {
        Tokenizer::from_folder(folder)?
    } else {
        Tokenizer::from_spm_only(folder)?
    };
    let (name, input) = super::open(options.input.as_deref(), options.encoding.encoding)?;
    lines(
        &tokenizer,
        options.target,
        options.decode,
        &name,
        input,
        io::stdout().lock(),
    )
}

fn lines(
    tokenizer: &Tokenizer,
    target: bool,
    decode: bool,
    name: &str,
    mut input: impl BufRead,
    mut output: impl Write,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut offset = 0;
    for number in 1_usize.. {
        offset += line.len();
        line.clear();
        if input
            .read_until(b'\n', &mut line)
            .map_err(Error::reading(name))?
            == 0
        {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = std::str::from_utf8(text).map_err(|error| Error::InvalidUtf8 {
            name: name.to_owned(),
            offset: offset + error.valid_up_to(),
        })?;
        if decode {
            let (Ids::Encoding { ids } | Ids::Bare(ids)) =
                serde_json::from_str(text).map_err(|_| Error::InvalidInput {
                    name: name.to_owned(),
                    line: number,
                    reason: r#"is neither a JSON array of token ids nor an object with "ids""#
                        .to_owned(),
                })?;
            let decoded = if target {
                tokenizer.decode_target(&ids)
            } else {
                tokenizer.decode_source(&ids)
            };
            output.write_all(decoded.text.as_bytes())?;
        } else {
            let encoding = if target {
                tokenizer.encode_target(text)
            } else {
                tokenizer.encode_source(text, None)?
            };
            serde_json::to_writer(&mut output, &encoding).map_err(io::Error::from)?;
        }
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn answer(target: bool, decode: bool, input: &[u8]) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer");
        for (from, to) in [
            ("suffix.spm", "source.spm"),
            ("bare.spm", "target.spm"),
            ("vocab.json", "vocab.json"),
        ] {
            std::fs::copy(fixtures.join(from), folder.path().join(to))?;
        }
        let tokenizer = Tokenizer::from_folder(folder.path())?;
        let mut output = Vec::new();
        lines(
            &tokenizer,
            target,
            decode,
            "standard input",
            input,
            &mut output,
        )?;
        Ok(String::from_utf8(output)?)
    }

    #[test]
    fn a_line_in_is_a_line_out_and_decodes_to_itself() {
        let text = "Zug nach Köln\n\n Äpfel\n";
        for target in [false, true] {
            let json = answer(target, false, text.as_bytes()).unwrap();
            assert_eq!(json.lines().count(), 3);
            assert!(
                json.lines().nth(1).unwrap().starts_with(r#"{"ids":[0],"#),
                "{json}"
            );
            let decoded = answer(target, true, json.as_bytes()).unwrap();
            assert_eq!(decoded.replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn bare_ids_decode_and_the_last_line_needs_no_end() {
        assert_eq!(
            answer(true, true, b"[0]\r\n[1, 0]").unwrap(),
            "\n \u{2047} \n"
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let error = answer(true, true, b"[0]\n{}\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"could not read standard input: line 2 is neither a JSON array of token ids nor an object with "ids""#
        );
        let error = answer(true, false, b"a\nb\xff\n").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("standard input: invalid UTF-8 at byte 3")
        );
    }
}
