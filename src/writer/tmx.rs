//! Translation Memory eXchange 1.4b (LISA OSCAR, 2005): a unit for each
//! sentence, with a variant for the source and for each target.
//!
//! The word links of a variant are its property `x-alignment` (`0-0 1-2`, words
//! as white space cuts them), its log-probability is `x-score`, the sentence's
//! confidence `x-confidence`; its findings are notes. Line breaks and tabs inside a sentence become spaces, as TMX has no
//! way to say that white space is layout.

use std::io::{self, Write};

use quick_xml::Writer;

use super::note::notes;
use super::xml::{content, printable};
use super::{BilingualFile, TargetName, Window, decimals, links_of, one_line};
use crate::language::Language;
use crate::translation::Translation;

/// Writes a translation memory.
#[derive(Debug)]
pub struct Tmx {
    source: Language,
    targets: Vec<TargetName>,
    started: bool,
    units: usize,
}

impl Tmx {
    /// For translations from `source` into `targets`.
    #[must_use]
    pub fn new(source: Language, targets: Vec<TargetName>) -> Self {
        Self {
            source,
            targets,
            started: false,
            units: 0,
        }
    }

    fn start(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        writeln!(output, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(output, "<tmx version=\"1.4\">")?;
        let mut xml = Writer::new(&mut *output);
        xml.create_element("header")
            .with_attributes([
                ("creationtool", env!("CARGO_PKG_NAME")),
                ("creationtoolversion", env!("CARGO_PKG_VERSION")),
                ("segtype", "sentence"),
                ("o-tmf", env!("CARGO_PKG_NAME")),
                ("adminlang", "en"),
                ("srclang", self.source.code()),
                ("datatype", "plaintext"),
            ])
            .write_inner_content(|xml| {
                for target in &self.targets {
                    let kind = format!("x-model-{}", target.language);
                    property(xml, &kind, &format!("{} {}", target.model, target.revision))?;
                }
                Ok(())
            })?;
        writeln!(output, "\n<body>")
    }

    fn unit(
        &mut self,
        output: &mut dyn Write,
        name: &str,
        translations: &[&Translation],
    ) -> io::Result<()> {
        self.units += 1;
        Writer::new(&mut *output)
            .create_element("tu")
            .with_attribute(("tuid", self.units.to_string().as_str()))
            .write_inner_content(|xml| {
                property(xml, "x-document", name)?;
                xml.create_element("tuv")
                    .with_attribute(("xml:lang", self.source.code()))
                    .write_inner_content(|xml| segment(xml, &translations[0].source))?;
                for (target, translation) in self.targets.iter().zip(translations) {
                    xml.create_element("tuv")
                        .with_attribute(("xml:lang", target.language.code()))
                        .write_inner_content(|xml| variant(xml, translation))?;
                }
                Ok(())
            })?;
        writeln!(output)
    }
}

impl BilingualFile for Tmx {
    fn write(&mut self, output: &mut dyn Write, window: &Window) -> io::Result<()> {
        self.start(output)?;
        for (_, translations) in window.sentences() {
            // A memory has no use for empty lines.
            if !translations[0].source.trim().is_empty() {
                self.unit(output, window.name, &translations)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut dyn Write) -> io::Result<()> {
        self.start(output)?;
        writeln!(output, "</body>\n</tmx>")
    }
}

fn variant<W: Write>(xml: &mut Writer<W>, translation: &Translation) -> io::Result<()> {
    for note in notes(translation) {
        xml.create_element("note")
            .write_text_content(content(&printable(&note)))?;
    }
    // A translation that was given has neither.
    if !translation.word_scores.is_empty() {
        property(xml, "x-alignment", &links_of(translation))?;
        property(xml, "x-score", &decimals(translation.score))?;
    }
    if let Some(confidence) = translation.confidence {
        property(xml, "x-confidence", &decimals(confidence))?;
    }
    segment(xml, &translation.target)
}

fn segment<W: Write>(xml: &mut Writer<W>, text: &str) -> io::Result<()> {
    let text = one_line(text);
    xml.create_element("seg")
        .write_text_content(content(&printable(&text)))?;
    Ok(())
}

fn property<W: Write>(xml: &mut Writer<W>, kind: &str, value: &str) -> io::Result<()> {
    xml.create_element("prop")
        .with_attribute(("type", kind))
        .write_text_content(content(&printable(value)))?;
    Ok(())
}
