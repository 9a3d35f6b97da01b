//! `align --documents`: the sentences of two texts.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use dolmetsch::alignment::{Bead, SourceSentence, align_sentences};
use dolmetsch::language::LanguagePair;
use dolmetsch::reader::TextEncoding;
use dolmetsch::route::Route;
use dolmetsch::writer::{BilingualFile, Tmx, Window, one_line};
use dolmetsch::{Document, Error, Translation};

use super::{AlignArgs, AlignFormat};
use crate::commands::pairs::read_lines;
use crate::commands::progress::Progress;
use crate::commands::targets::targets;

/// The sentences of a text, with their lines.
struct Sentences {
    lines: Vec<String>,
    /// The lines that are not blank, from 0.
    numbers: Vec<usize>,
}

impl Sentences {
    fn read(path: &Path, encoding: TextEncoding) -> dolmetsch::Result<Self> {
        let lines = read_lines(path, encoding)?;
        let has_text = |number: &usize| !lines[*number].trim().is_empty();
        let numbers = (0..lines.len()).filter(has_text).collect();
        Ok(Self { lines, numbers })
    }

    fn texts(&self) -> Vec<&str> {
        let text = |&number: &usize| self.lines[number].as_str();
        self.numbers.iter().map(text).collect()
    }

    /// The sentences of a bead in one text.
    fn joined(&self, sentences: std::ops::Range<usize>) -> String {
        let text = |&number: &usize| self.lines[number].trim();
        let texts: Vec<&str> = self.numbers[sentences].iter().map(text).collect();
        one_line(&texts.join(" "))
    }
}

/// Two texts and the beads between them.
struct Aligned {
    source: Sentences,
    target: Sentences,
    beads: Vec<Bead>,
}

/// Aligns the sentences of the two files, blank lines left out.
pub(super) fn align(
    args: &AlignArgs,
    format: AlignFormat,
    languages: LanguagePair,
    output: &mut dyn Write,
) -> Result<()> {
    let (Some(source_path), Some(target_path)) = (&args.source, &args.target) else {
        let message = "--documents needs --source FILE and --target FILE";
        return Err(Error::Options(message.to_owned()).into());
    };
    let encoding = args.encoding.encoding;
    let source = Sentences::read(source_path, encoding)?;
    let target = Sentences::read(target_path, encoding)?;
    let translation = targets(args.request())?.swap_remove(0);
    let texts = source.texts();
    let translations = translate(&translation.route, &texts, source_path, args.quiet)?;
    let sentences: Vec<SourceSentence> = texts
        .iter()
        .zip(&translations)
        .map(|(text, translation)| SourceSentence {
            text,
            translation: &translation.target,
        })
        .collect();
    let beads = align_sentences(&sentences, &target.texts(), languages);
    let aligned = Aligned {
        source,
        target,
        beads,
    };
    match format {
        AlignFormat::Tmx => {
            let memory = Tmx::new(languages.source, vec![translation.name()]);
            aligned.write_memory(memory, source_path, output)?;
        }
        AlignFormat::Tsv => aligned.write_table(output)?,
        _ => aligned.write_numbers(output)?,
    }
    Ok(())
}

/// Translates sentences, with a bar over the bytes of their file.
fn translate(
    route: &Route,
    texts: &[&str],
    path: &Path,
    quiet: bool,
) -> dolmetsch::Result<Vec<Translation>> {
    let progress = Progress::new(&[path.to_owned()], quiet);
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let share = bytes as f64 / texts.len().max(1) as f64;
    let translations = route.translate(texts, &|count| progress.sentences_done(count, share));
    progress.finish();
    translations
}

impl Aligned {
    /// `[0]:[0, 1]:cost`, lines from 0, as Vecalign writes it.
    fn write_numbers(&self, output: &mut dyn Write) -> io::Result<()> {
        for bead in &self.beads {
            let source = &self.source.numbers[bead.source.clone()];
            let target = &self.target.numbers[bead.target.clone()];
            writeln!(output, "{source:?}:{target:?}:{:.4}", bead.cost)?;
        }
        Ok(())
    }

    /// Source, target and cost.
    fn write_table(&self, output: &mut dyn Write) -> io::Result<()> {
        for bead in &self.beads {
            let source = self.source.joined(bead.source.clone());
            let target = self.target.joined(bead.target.clone());
            writeln!(output, "{source}\t{target}\t{:.4}", bead.cost)?;
        }
        Ok(())
    }

    /// A memory of the beads that have two sides.
    fn write_memory(&self, mut memory: Tmx, path: &Path, output: &mut dyn Write) -> io::Result<()> {
        let unit = |bead: &Bead| Translation {
            source: self.source.joined(bead.source.clone()),
            target: self.target.joined(bead.target.clone()),
            ..Translation::default()
        };
        let pairs = self.beads.iter().filter(|bead| !bead.is_gap());
        let window = Window {
            input: 0,
            name: &path.display().to_string(),
            document: &Document::part(String::new(), 0, 0, &[]),
            first: 0,
            translations: &[pairs.map(unit).collect()],
        };
        memory.write(output, &window)?;
        memory.finish(output)
    }
}
