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
mod words;

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quick_xml::escape::partial_escape;
use sha2::{Digest, Sha256};

use super::note::{needs_a_look, notes};
use super::xml::printable;
use super::{BilingualFile, TargetName, Window};
use crate::language::Language;
use crate::translation::Translation;
use block::{Block, Surroundings};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes a reader page.
#[derive(Debug)]
pub struct Page {
    source: Language,
    targets: Vec<TargetName>,
    started: bool,
    /// The input that is being written, from 0, and the next one's name.
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
        if self.input.replace(input).is_some() {
            writeln!(output, "<h2 class=file>{}</h2>", text(name))?;
        }
        Ok(())
    }

    /// Writes the row, and before the first one the head of the page.
    fn end_row(&mut self, output: &mut dyn Write, after: Option<&str>) -> io::Result<()> {
        let Some(row) = self.row.take() else {
            return Ok(());
        };
        let block = row.surroundings(after).block();
        if !self.started {
            let title = match block {
                Block::Heading(_) => row.sentence.as_deref().unwrap_or(&row.name),
                _ => &row.name,
            };
            self.start(output, title)?;
        }
        let languages = self.languages();
        writeln!(output, "{}", row.html(block, &languages))
    }

    fn languages(&self) -> Vec<Language> {
        let targets = self.targets.iter().map(|target| target.language);
        std::iter::once(self.source).chain(targets).collect()
    }

    fn start(&mut self, output: &mut dyn Write, title: &str) -> io::Result<()> {
        self.started = true;
        let style = format!("{STYLE}{}", views_style(self.targets.len()));
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            integrity(&style),
            integrity(SCRIPT)
        );
        let (title, source) = (text(title), self.source);
        writeln!(
            output,
            "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
             <meta http-equiv=Content-Security-Policy content=\"{policy}\">\n\
             <meta name=viewport content=\"width=device-width\">\n\
             <meta name=color-scheme content=\"light dark\">\n\
             <meta name=generator content=\"{} {}\">\n\
             <title>{title}</title>\n<style>{style}</style>\n\
             <header>\n<h1 lang={source}>{title}</h1>\n{}\n{}</header>\n<main>",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            self.toolbar(),
            self.labels(),
        )
    }

    /// Views of several targets, switches and the legend.
    fn toolbar(&self) -> String {
        let mut html = String::from("<div class=bar>");
        if self.targets.len() > 1 {
            html += "<fieldset><legend>Translation</legend>";
            for (index, target) in self.targets.iter().enumerate() {
                let (number, language) = (index + 1, target.language);
                let checked = if index == 0 { " checked" } else { "" };
                html += &format!(
                    "<label lang={language}><input type=radio name=view id=view{number}{checked}>{}</label>",
                    text(language.own_name())
                );
            }
            html += "<label><input type=radio name=view>All</label></fieldset>";
        }
        html += include_str!("toolbar.html");
        html += "</div>";
        html
    }

    /// The languages above the columns.
    fn labels(&self) -> String {
        let label = |language: Language| {
            format!("<span lang={language}>{}</span>", text(language.own_name()))
        };
        let labels: String = self.languages().into_iter().map(label).collect();
        format!("<div class=labels>{labels}</div>")
    }

    fn footer(&self) -> String {
        let mut html = String::from("<footer>Machine translation, not checked by a person.");
        for target in &self.targets {
            let via = target
                .via
                .map(|via| format!(" by way of {}", via.own_name()));
            html += &format!(
                " <span>{}{}: {}, revision <code>{}</code>.</span>",
                text(target.language.own_name()),
                via.unwrap_or_default(),
                text(&target.model),
                text(&target.revision)
            );
        }
        html += &format!(
            " <span>Made with {} {}.</span><output></output></footer>",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION")
        );
        html
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
                    row.add_gap(document.gap_before(index));
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
                row.add(&translations);
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
        writeln!(
            output,
            "</main>\n{}\n<script>{SCRIPT}</script>",
            self.footer()
        )
    }
}

/// A paragraph in all languages.
#[derive(Debug)]
struct Row {
    /// The input it comes from.
    name: String,
    paragraph: usize,
    before: String,
    is_first: bool,
    /// The text of the only sentence.
    sentence: Option<String>,
    /// HTML of the source and of each target.
    cells: Vec<String>,
}

impl Row {
    fn new(name: &str, paragraph: usize, before: String, is_first: bool, targets: usize) -> Self {
        Self {
            name: name.to_owned(),
            paragraph,
            before,
            is_first,
            sentence: None,
            cells: vec![String::new(); targets + 1],
        }
    }

    fn add_gap(&mut self, gap: &str) {
        for cell in &mut self.cells {
            *cell += &text(gap);
        }
    }

    fn add(&mut self, translations: &[&Translation]) {
        let source = &translations[0].source;
        self.sentence = self.cells[0].is_empty().then(|| source.clone());
        self.cells[0] += &format!("<span>{}</span>", text(source));
        for (cell, translation) in self.cells[1..].iter_mut().zip(translations) {
            *cell += &sentence(translation);
        }
    }

    fn surroundings<'a>(&'a self, after: Option<&'a str>) -> Surroundings<'a> {
        Surroundings {
            before: &self.before,
            sentence: self.sentence.as_deref(),
            after,
            is_first: self.is_first,
        }
    }

    fn html(&self, block: Block, languages: &[Language]) -> String {
        let (element, class, mark) = match block {
            Block::Heading(level) => (format!("h{}", level + 1), String::new(), None),
            Block::Item { mark, depth } => {
                ("p".to_owned(), format!(" class=item{depth}"), Some(mark))
            }
            Block::Quote => ("p".to_owned(), " class=quote".to_owned(), None),
            Block::Prose => ("p".to_owned(), String::new(), None),
        };
        let mark = mark
            .map(|mark| format!("<b>{}</b> ", text(mark)))
            .unwrap_or_default();
        let mut html = String::from("<div>");
        for (cell, language) in self.cells.iter().zip(languages) {
            html += &format!("<{element} lang={language}{class}>{mark}{cell}");
            // That of `p` may be left out, and is: long pages are shorter by 2 %.
            if element != "p" {
                html += &format!("</{element}>");
            }
        }
        html += "</div>";
        html
    }
}

/// A translated sentence, and behind it what a reader should know of it.
fn sentence(translation: &Translation) -> String {
    let words = words::compact(translation);
    let mut html = String::from("<span");
    if needs_a_look(translation) {
        html += " class=check";
    }
    if !words.is_empty() {
        html += &format!(" data-w={words}");
    }
    html += &format!(">{}</span>", text(&translation.target));
    let notes = notes(translation);
    if !notes.is_empty() {
        let reasons: Vec<&str> = notes.iter().map(|note| note.reason).collect();
        let reasons = text(&reasons.join("; "));
        html += &if needs_a_look(translation) {
            format!(" <small lang=en class=check><b>Check:</b> {reasons}</small>")
        } else {
            format!(" <small lang=en>{reasons}</small>")
        };
    }
    html
}

/// A rule for each view, which leaves out the columns of the other targets.
fn views_style(targets: usize) -> String {
    (1..=targets)
        .filter(|_| targets > 1)
        .map(|number| {
            let column = number + 1;
            format!("body:has(#view{number}:checked) .labels>:not(:first-child,:nth-child({column})),body:has(#view{number}:checked) main>div>:not(:first-child,:nth-child({column})){{display:none}}\n")
        })
        .collect()
}

/// Text as the content of an element.
fn text(text: &str) -> String {
    partial_escape(printable(text)).into_owned()
}

/// The hash of a style or a script, as a policy names it.
fn integrity(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}
