//! XLIFF 2.1 (OASIS, 2018): a file for each input, a unit for each paragraph, a
//! segment for each sentence.
//!
//! What stands between sentences is `ignorable`, so that all `source` elements
//! together are the input, and all `target` elements the text output. The state
//! of a sentence that should be looked at is `initial`, that of the others
//! `translated`; findings are notes that a `mrk` of the target refers to. Word links
//! (`0-0 1-2`, words as white space cuts them), log-probabilities and confidences
//! are metadata of the unit, by segment. Characters that XML forbids are `cp` elements.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::note::notes;
use super::xml::{content, is_xml_char, printable};
use super::{BilingualFile, TargetName, Window, decimals, links_of};
use crate::language::Language;
use crate::translation::Translation;

/// Writes one target of a translation; the format has room for one only.
#[derive(Debug)]
pub struct Xliff {
    source: Language,
    target: TargetName,
    started: bool,
    /// The input that is being written, from 0.
    input: Option<usize>,
    /// The paragraph that is being put together.
    unit: Option<Unit>,
    /// Units of the input so far.
    units: usize,
    /// What stands before the first unit.
    gap: String,
}

impl Xliff {
    /// For a translation from `source` into `target`.
    #[must_use]
    pub fn new(source: Language, target: TargetName) -> Self {
        Self {
            source,
            target,
            started: false,
            input: None,
            unit: None,
            units: 0,
            gap: String::new(),
        }
    }

    fn start(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        writeln!(output, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        let root = BytesStart::new("xliff").with_attributes([
            ("xmlns", "urn:oasis:names:tc:xliff:document:2.0"),
            ("xmlns:mda", "urn:oasis:names:tc:xliff:metadata:2.0"),
            ("version", "2.1"),
            ("srcLang", self.source.code()),
            ("trgLang", self.target.language.code()),
        ]);
        Writer::new(&mut *output).write_event(Event::Start(root))?;
        writeln!(output)
    }

    fn start_input(&mut self, output: &mut dyn Write, input: usize, name: &str) -> io::Result<()> {
        if self.input == Some(input) {
            return Ok(());
        }
        self.end_input(output)?;
        self.input = Some(input);
        let mut xml = Writer::new(&mut *output);
        let id = format!("f{}", input + 1);
        xml.write_event(Event::Start(BytesStart::new("file").with_attributes([
            ("id", id.as_str()),
            ("original", &printable(name)),
            ("xml:space", "preserve"),
        ])))?;
        let origin = [
            (
                "tool",
                concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            ),
            ("model", &self.target.model),
            ("revision", &self.target.revision),
        ];
        xml.create_element("mda:metadata")
            .write_inner_content(|xml| group(xml, "dolmetsch:origin", &origin))?;
        writeln!(output)
    }

    fn end_input(&mut self, output: &mut dyn Write) -> io::Result<()> {
        if self.input.is_none() {
            return Ok(());
        }
        self.end_unit(output)?;
        if self.units == 0 {
            // A file has at least one unit.
            let gap = std::mem::take(&mut self.gap);
            let mut xml = Writer::new(&mut *output);
            xml.create_element("unit")
                .with_attributes([("id", "u1"), ("translate", "no")])
                .write_inner_content(|xml| {
                    xml.create_element("segment")
                        .write_inner_content(|xml| text(xml, "source", &gap, None))?;
                    Ok(())
                })?;
            writeln!(output)?;
        }
        self.units = 0;
        writeln!(output, "</file>")
    }

    fn end_unit(&mut self, output: &mut dyn Write) -> io::Result<()> {
        match self.unit.take() {
            Some(unit) => unit.write(output, self.units),
            None => Ok(()),
        }
    }
}

impl BilingualFile for Xliff {
    fn write(&mut self, output: &mut dyn Write, window: &Window) -> io::Result<()> {
        self.start(output)?;
        self.start_input(output, window.input, window.name)?;
        for (index, translations) in window.sentences() {
            let paragraph = window.document.sentences()[index].paragraph;
            if self
                .unit
                .as_ref()
                .is_none_or(|unit| unit.paragraph != paragraph)
            {
                self.end_unit(output)?;
                self.units += 1;
                let mut unit = Unit::new(paragraph);
                let gap = std::mem::take(&mut self.gap);
                unit.add_gap(&gap, &gap)?;
                self.unit = Some(unit);
            }
            if let Some(unit) = &mut self.unit {
                let document = window.document;
                unit.add_gap(
                    document.source_gap_before(index),
                    document.gap_before(index),
                )?;
                unit.add(translations[0])?;
            }
        }
        let rest = window.rest();
        if let Some(unit) = &mut self.unit {
            unit.add_gap(rest, rest)?;
        } else {
            self.gap += rest;
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut dyn Write) -> io::Result<()> {
        self.start(output)?;
        if self.input.is_none() {
            self.start_input(output, 0, "")?;
        }
        self.end_input(output)?;
        writeln!(output, "</xliff>")
    }
}

/// A paragraph: its elements, in the groups in which they have to stand.
#[derive(Debug)]
struct Unit {
    paragraph: usize,
    sentences: usize,
    /// Segment ids with their word links, and with their log-probabilities.
    alignments: Vec<(String, String)>,
    scores: Vec<(String, String)>,
    confidences: Vec<(String, String)>,
    /// Ids of notes, and what they say.
    notes: Vec<(String, String)>,
    segments: Vec<u8>,
}

impl Unit {
    fn new(paragraph: usize) -> Self {
        Self {
            paragraph,
            sentences: 0,
            alignments: Vec::new(),
            scores: Vec::new(),
            confidences: Vec::new(),
            notes: Vec::new(),
            segments: Vec::new(),
        }
    }

    fn add_gap(&mut self, source: &str, target: &str) -> io::Result<()> {
        if source.is_empty() {
            return Ok(());
        }
        Writer::new(&mut self.segments)
            .create_element("ignorable")
            .write_inner_content(|xml| {
                text(xml, "source", source, None)?;
                text(xml, "target", target, None)
            })?;
        Ok(())
    }

    fn add(&mut self, translation: &Translation) -> io::Result<()> {
        self.sentences += 1;
        let id = format!("s{}", self.sentences);
        let reasons = notes(translation).join("; ");
        let note = (!reasons.is_empty()).then(|| format!("n{}", self.sentences));
        let state = if translation.needs_a_look() {
            "initial"
        } else {
            "translated"
        };
        Writer::new(&mut self.segments)
            .create_element("segment")
            .with_attributes([("id", id.as_str()), ("state", state)])
            .write_inner_content(|xml| {
                text(xml, "source", &translation.source, None)?;
                text(xml, "target", &translation.target, note.as_deref())
            })?;
        self.alignments.push((id.clone(), links_of(translation)));
        self.scores.push((id.clone(), decimals(translation.score)));
        let confidence = translation.confidence.map(decimals);
        self.confidences
            .extend(confidence.map(|confidence| (id, confidence)));
        self.notes.extend(note.map(|note| (note, reasons)));
        Ok(())
    }

    /// Writes unit number `number`.
    fn write(self, output: &mut dyn Write, number: usize) -> io::Result<()> {
        let mut xml = Writer::new(&mut *output);
        let id = format!("u{number}");
        xml.write_event(Event::Start(
            BytesStart::new("unit").with_attributes([("id", id.as_str())]),
        ))?;
        xml.create_element("mda:metadata")
            .write_inner_content(|xml| {
                group(xml, "dolmetsch:alignment", &self.alignments)?;
                group(xml, "dolmetsch:score", &self.scores)?;
                if self.confidences.is_empty() {
                    return Ok(());
                }
                group(xml, "dolmetsch:confidence", &self.confidences)
            })?;
        if !self.notes.is_empty() {
            xml.create_element("notes").write_inner_content(|xml| {
                for (id, reason) in &self.notes {
                    xml.create_element("note")
                        .with_attributes([("id", id.as_str()), ("appliesTo", "target")])
                        .write_text_content(content(&printable(reason)))?;
                }
                Ok(())
            })?;
        }
        xml.get_mut().write_all(&self.segments)?;
        xml.write_event(Event::End(BytesEnd::new("unit")))?;
        writeln!(output)
    }
}

/// A group of metadata: pairs of a type and a value.
fn group<W: Write, T: AsRef<str>>(
    xml: &mut Writer<W>,
    category: &str,
    values: &[(T, T)],
) -> io::Result<()> {
    xml.create_element("mda:metaGroup")
        .with_attribute(("category", category))
        .write_inner_content(|xml| {
            for (kind, value) in values {
                xml.create_element("mda:meta")
                    .with_attribute(("type", kind.as_ref()))
                    .write_text_content(content(&printable(value.as_ref())))?;
            }
            Ok(())
        })?;
    Ok(())
}

/// A `source` or `target` element; all of it is marked if there is a note.
fn text<W: Write>(
    xml: &mut Writer<W>,
    name: &str,
    text: &str,
    note: Option<&str>,
) -> io::Result<()> {
    xml.create_element(name).write_inner_content(|xml| {
        let Some(note) = note else {
            return characters(xml, text);
        };
        let id = format!("m{}", &note[1..]);
        let reference = format!("#n={note}");
        xml.create_element("mrk")
            .with_attributes([
                ("id", id.as_str()),
                ("type", "comment"),
                ("ref", &reference),
            ])
            .write_inner_content(|xml| characters(xml, text))?;
        Ok(())
    })?;
    Ok(())
}

/// Text; a character that XML forbids is an element with its code point.
fn characters<W: Write>(xml: &mut Writer<W>, text: &str) -> io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(|c| !is_xml_char(c)) {
        let mut chars = rest[at..].chars();
        let code = chars.next().map_or(0, u32::from);
        xml.write_event(Event::Text(content(&rest[..at])))?;
        xml.create_element("cp")
            .with_attribute(("hex", format!("{code:04X}").as_str()))
            .write_empty()?;
        rest = chars.as_str();
    }
    xml.write_event(Event::Text(content(rest)))
}
