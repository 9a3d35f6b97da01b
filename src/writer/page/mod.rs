//! A page to read a translation on: one HTML file that loads nothing.
//!
//! Each paragraph is a row with a cell for each language; the n-th sentence of a
//! cell belongs to the n-th one of its neighbours. The words of a sentence become
//! elements when they are needed (`page.js`), from one attribute (`words.rs`).
//! Without scripts, the page can be read as well.
//!
//! Everything that comes from a text is escaped, and the policy in the head lets
//! nothing run but the page's own script, by its hash.

mod block;
mod row;
mod words;

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quick_xml::escape::partial_escape;
use sha2::{Digest, Sha256};

use super::xml::printable;
use super::{BilingualFile, TargetName, Window};
use crate::language::Language;
use block::Block;
use row::Row;

const STYLE: &str = include_str!("page.css");
const TOOLBAR: &str = include_str!("toolbar.html");
const SCRIPT: &str = include_str!("page.js");

/// Writes a reader page.
#[derive(Debug)]
pub struct Page {
    source: Language,
    targets: Vec<TargetName>,
    started: bool,
    /// The input that is being written, from 0.
    input: Option<usize>,
    /// The paragraph that is being put together.
    row: Option<Row>,
    /// What stands behind it so far.
    gap: String,
}

impl Page {
    /// For translations from `source` into `targets`.
    #[must_use]
    pub fn new(source: Language, targets: Vec<TargetName>) -> Self {
        Self {
            source,
            targets,
            started: false,
            input: None,
            row: None,
            gap: String::new(),
        }
    }

    fn start_input(&mut self, output: &mut dyn Write, input: usize, name: &str) -> io::Result<()> {
        if self.input == Some(input) {
            return Ok(());
        }
        self.end_row(output, None)?;
        self.gap.clear();
        self.input = Some(input);
        if self.started {
            writeln!(output, "<h2 class=file>{}</h2>", text(name))?;
        }
        Ok(())
    }

    /// Writes the row, and before the first one the head of the page; `after` is
    /// what stands between it and the next one.
    fn end_row(&mut self, output: &mut dyn Write, after: Option<&str>) -> io::Result<()> {
        let Some(row) = self.row.take() else {
            return Ok(());
        };
        let block = row.block(after);
        if !self.started {
            let title = match block {
                Block::Heading(_) => row.only_sentence().unwrap_or(&row.name),
                _ => &row.name,
            };
            self.start(output, title)?;
        }
        row.write(output, block, &self.languages())
    }

    fn languages(&self) -> Vec<Language> {
        let targets = self.targets.iter().map(|target| target.language);
        std::iter::once(self.source).chain(targets).collect()
    }

    fn start(&mut self, output: &mut dyn Write, title: &str) -> io::Result<()> {
        self.started = true;
        let style = style(self.targets.len());
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            integrity(&style),
            integrity(SCRIPT)
        );
        let (title, source) = (text(title), self.source);
        write!(
            output,
            "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
             <meta http-equiv=Content-Security-Policy content=\"{policy}\">\n\
             <meta name=viewport content=\"width=device-width\">\n\
             <meta name=color-scheme content=\"light dark\">\n\
             <meta name=generator content=\"{} {}\">\n\
             <title>{title}</title>\n<style>{style}</style>\n\
             <header>\n<h1 lang={source}>{title}</h1>\n<div class=bar>",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
        )?;
        self.write_views(output)?;
        write!(output, "{TOOLBAR}</div>\n<div class=labels>")?;
        for language in self.languages() {
            let name = text(language.own_name());
            write!(output, "<span lang={language}>{name}</span>")?;
        }
        writeln!(output, "</div>\n</header>\n<main>")
    }

    /// The choice between several targets.
    fn write_views(&self, output: &mut dyn Write) -> io::Result<()> {
        if self.targets.len() < 2 {
            return Ok(());
        }
        write!(output, "<fieldset><legend>Translation</legend>")?;
        for (index, target) in self.targets.iter().enumerate() {
            let (number, language) = (index + 1, target.language);
            let checked = if index == 0 { " checked" } else { "" };
            let name = text(language.own_name());
            write!(
                output,
                "<label lang={language}><input type=radio name=view id=view{number}{checked}>{name}</label>"
            )?;
        }
        write!(
            output,
            "<label><input type=radio name=view>All</label></fieldset>"
        )
    }

    /// What has translated.
    fn write_footer(&self, output: &mut dyn Write) -> io::Result<()> {
        write!(
            output,
            "<footer>Machine translation, not checked by a person."
        )?;
        for target in &self.targets {
            let via = target.via.as_ref().map(Language::own_name);
            write!(
                output,
                " <span>{}{}: {}, revision <code>{}</code>.</span>",
                text(target.language.own_name()),
                via.map_or_else(String::new, |via| format!(" by way of {}", text(via))),
                text(&target.model),
                text(&target.revision)
            )?;
        }
        writeln!(
            output,
            " <span>Made with {} {}.</span><output></output></footer>",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION")
        )
    }
}

impl BilingualFile for Page {
    fn write(&mut self, output: &mut dyn Write, window: &Window) -> io::Result<()> {
        self.start_input(output, window.input, window.name)?;
        for (index, translations) in window.sentences() {
            let document = window.document;
            let paragraph = document.sentences()[index].paragraph;
            match &mut self.row {
                Some(row) if row.paragraph == paragraph => {
                    row.add_gap(document.gap_before(index))?;
                }
                row => {
                    self.gap += document.gap_before(index);
                    let gap = std::mem::take(&mut self.gap);
                    let is_first = row.is_none();
                    self.end_row(output, Some(&gap))?;
                    self.row = Some(Row::new(
                        window.name,
                        paragraph,
                        gap,
                        is_first,
                        self.targets.len(),
                    ));
                }
            }
            if let Some(row) = &mut self.row {
                row.add(&translations)?;
            }
        }
        self.gap += window.rest();
        Ok(())
    }

    fn finish(&mut self, output: &mut dyn Write) -> io::Result<()> {
        self.end_row(output, None)?;
        if !self.started {
            self.start(output, "Nothing to translate")?;
        }
        writeln!(output, "</main>")?;
        self.write_footer(output)?;
        writeln!(output, "<script>{SCRIPT}</script>")
    }
}

/// The style, with a rule for each view that leaves out the columns of the other
/// targets.
fn style(targets: usize) -> String {
    let mut style = STYLE.to_owned();
    for number in (1..=targets).filter(|_| targets > 1) {
        let others = format!(":not(:first-child, :nth-child({}))", number + 1);
        for row in [".labels", "main > div"] {
            style += &[
                "body:has(#view",
                &number.to_string(),
                ":checked) ",
                row,
                " > ",
                &others,
                " { display: none }\n",
            ]
            .concat();
        }
    }
    style
}

/// Text as the content of an element.
pub(crate) fn text(text: &str) -> String {
    partial_escape(printable(text)).into_owned()
}

/// The hash of a style or a script, as a policy names it.
pub(crate) fn integrity(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}
