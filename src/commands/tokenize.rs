//! `dolmetsch tokenize`: lines of text to lines of JSON, and back.

use std::io::{BufRead, Write};

use anyhow::Context;
use dolmetsch::{Error, TokenId, Tokenizer};
use serde::Deserialize;

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
pub(crate) fn run(
    tokenizer: &Tokenizer,
    target: bool,
    decode: bool,
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
            .context("could not read the input")?
            == 0
        {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = std::str::from_utf8(text).map_err(|error| Error::InvalidUtf8 {
            name: "standard input".to_owned(),
            offset: offset + error.valid_up_to(),
        })?;
        if decode {
            let (Ids::Encoding { ids } | Ids::Bare(ids)) = serde_json::from_str(text)
                .with_context(|| format!("line {number} of the input has no token ids"))?;
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
            serde_json::to_writer(&mut output, &encoding)?;
        }
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}
