//! What is compared: files, and translations made for it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use dolmetsch::comparison::{
    Corpus, InputFormat, Segments, System, TextColumn, alignment_signature, resegment,
};
use dolmetsch::metrics::Signature;
use dolmetsch::{Error, Translation};

use super::options::{CompareArgs, Format, ReferenceAlign};
use crate::cli::{GuardMode, ModelOptions};
use crate::commands::targets::{Request, targets};

/// The texts in a common segmentation, and how they came to it.
pub(super) struct Input {
    pub(super) corpus: Corpus,
    /// What was done to the texts.
    pub(super) signature: Signature,
    pub(super) is_aligned: bool,
    /// Names of texts, and their segments (from 1) that are not scored.
    pub(super) unaligned: Vec<(String, Vec<usize>)>,
}

impl Input {
    /// What the page says of segments that are not scored.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |(name, segments): &(String, Vec<usize>)| {
            let numbers: Vec<String> = segments.iter().map(ToString::to_string).collect();
            format!("{name}: no counterpart, not scored: {}", numbers.join(", "))
        };
        self.unaligned.iter().map(note).collect()
    }
}

/// Reads the files, translates if that is asked for, and aligns.
pub(super) fn read(options: &CompareArgs) -> anyhow::Result<Input> {
    let inputs = inputs(options)?;
    let read_all = |paths: &[&Path]| -> dolmetsch::Result<Vec<Segments>> {
        paths.iter().map(|path| read_file(options, path)).collect()
    };
    let names: Vec<&Path> = options.reference.iter().map(PathBuf::as_path).collect();
    let references = read_all(&names)?;
    let sources = match &options.source {
        Some(path) => Some(read_file(options, path)?.texts),
        None => None,
    };
    let name = |path: &&Path| path.display().to_string();
    let mut systems: Vec<System> = inputs
        .iter()
        .map(name)
        .zip(read_all(&inputs)?)
        .map(|(name, segments)| System { name, segments })
        .collect();
    if let Some(sources) = &sources {
        systems.extend(translate(options, sources)?);
    }
    let references = references.into_iter().map(|segments| segments.texts);
    let corpus = Corpus {
        sources,
        references: references.collect(),
        systems,
    };
    Ok(in_common_segmentation(options, corpus)?)
}

/// The files of the systems, each once.
fn inputs(options: &CompareArgs) -> dolmetsch::Result<Vec<&Path>> {
    let standard_input = Path::new("-");
    let paths = options.hypotheses.iter().chain(&options.input);
    let mut inputs: Vec<&Path> = paths.map(PathBuf::as_path).collect();
    if inputs.is_empty() && options.model.is_empty() {
        inputs.push(standard_input);
    }
    let others = options.reference.iter().chain(&options.source);
    let all = inputs.iter().copied().chain(others.map(PathBuf::as_path));
    if all.filter(|path| *path == standard_input).count() > 1 {
        return Err(Error::Options(
            "standard input can be read once: name files for the other texts".to_owned(),
        ));
    }
    let mut names = HashSet::new();
    if let Some(twice) = inputs.iter().find(|path| !names.insert(**path)) {
        return Err(Error::Options(format!(
            "{} is given twice: each system needs a name of its own",
            twice.display()
        )));
    }
    check_tests(options, inputs.len() + options.model.len())?;
    Ok(inputs)
}

/// Whether the tests that are asked for make sense for so many systems.
fn check_tests(options: &CompareArgs, systems: usize) -> dolmetsch::Result<()> {
    let paired = options.certainty().is_paired();
    let wrong = if systems == 1 && paired {
        "a paired test needs several systems: the first one is the baseline"
    } else if options.sentence_level && (paired || options.confidence) {
        "--sentence-level has no tests: leave out --confidence and --paired-…"
    } else if options.sentence_level && systems > 1 && options.format != Format::Json {
        "--sentence-level prints one system as text: choose --format json for several"
    } else {
        return Ok(());
    };
    Err(Error::Options(wrong.to_owned()))
}

fn read_file(options: &CompareArgs, path: &Path) -> dolmetsch::Result<Segments> {
    let format = options
        .input_format
        .map_or_else(|| InputFormat::of(path), InputFormat::from);
    let column = TextColumn {
        column: options.column.map(usize::from),
        target_lang: options.target_lang.clone(),
    };
    let (name, input) = crate::commands::open(Some(path), options.encoding.encoding)?;
    Segments::read(&name, input, format, &column)
}

/// Translates the source with each model.
fn translate(options: &CompareArgs, sources: &[String]) -> anyhow::Result<Vec<System>> {
    let mut systems = Vec::new();
    for name in &options.model {
        let models = ModelOptions {
            to: vec![options.to],
            from: options.from,
            via: None,
            model: vec![name.clone()],
            offline: options.offline,
        };
        let made = targets(Request {
            models: &models,
            search: &options.search,
            machine: &options.machine,
            guard: GuardMode::On,
            n_best: 1,
            quiet: true,
        })?;
        let sentences: Vec<&str> = sources.iter().map(String::as_str).collect();
        for target in made {
            let translations = target.route.translate(&sentences, &|_| ())?;
            systems.push(System {
                name: name.clone(),
                segments: segments(translations),
            });
        }
    }
    Ok(systems)
}

fn segments(translations: Vec<Translation>) -> Segments {
    let mut segments = Segments {
        sources: Some(Vec::new()),
        alignments: Some(Vec::new()),
        ..Segments::default()
    };
    for translation in translations {
        segments.texts.push(translation.target);
        segments
            .sources
            .get_or_insert_default()
            .push(translation.source);
        segments
            .alignments
            .get_or_insert_default()
            .push(translation.alignment);
    }
    segments
}

/// Aligns with the first reference, or makes sure that the counts are equal.
fn in_common_segmentation(options: &CompareArgs, corpus: Corpus) -> dolmetsch::Result<Input> {
    let counts = counts(options, &corpus);
    let (first, expected) = &counts[0];
    let other = counts.iter().find(|(_, count)| count != expected);
    let is_aligned = match options.reference_align {
        ReferenceAlign::Always => true,
        ReferenceAlign::Auto => other.is_some(),
        ReferenceAlign::Never => false,
    };
    if let (Some((name, count)), false) = (other, is_aligned) {
        return Err(Error::Mismatch(format!(
            "{name} has {count} segments, {first} has {expected} (align them with --reference-align auto)"
        )));
    }
    if let Some((empty, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return Err(Error::Mismatch(format!("{empty} has no segments")));
    }
    check_sources(options, &corpus)?;
    if is_aligned {
        return aligned(options, &counts, corpus);
    }
    Ok(Input {
        corpus,
        signature: Signature::default(),
        is_aligned,
        unaligned: Vec::new(),
    })
}

/// The name of each text and its number of segments: references, then systems.
fn counts(options: &CompareArgs, corpus: &Corpus) -> Vec<(String, usize)> {
    let names = options
        .reference
        .iter()
        .map(|path| path.display().to_string());
    let references = names.zip(corpus.references.iter().map(Vec::len));
    let systems = corpus.systems.iter();
    let systems = systems.map(|system| (system.name.clone(), system.segments.texts.len()));
    references.chain(systems).collect()
}

/// The source goes with the first system, line by line.
fn check_sources(options: &CompareArgs, corpus: &Corpus) -> dolmetsch::Result<()> {
    let (Some(path), Some(sources)) = (&options.source, &corpus.sources) else {
        return Ok(());
    };
    for system in &corpus.systems {
        let (count, expected) = (sources.len(), system.segments.texts.len());
        if count != expected {
            let (path, name) = (path.display(), &system.name);
            return Err(Error::Mismatch(format!(
                "{path} has {count} segments, {name} has {expected}: each segment of the source needs its translation"
            )));
        }
    }
    Ok(())
}

fn aligned(
    options: &CompareArgs,
    counts: &[(String, usize)],
    mut corpus: Corpus,
) -> dolmetsch::Result<Input> {
    let systems = corpus.systems.iter().map(|system| &system.segments.texts);
    let texts: Vec<&[String]> = corpus
        .references
        .iter()
        .chain(systems)
        .map(Vec::as_slice)
        .collect();
    let all = options.reference_align == ReferenceAlign::Always;
    let result = resegment(&texts, options.to, all);
    if result.texts[0].is_empty() {
        return Err(Error::Mismatch(format!(
            "no segment of {} could be aligned with all other texts",
            counts[0].0
        )));
    }
    let mut unaligned: Vec<(String, Vec<usize>)> = Vec::new();
    for found in &result.unaligned {
        let name = &counts[found.text].0;
        match unaligned.last_mut() {
            Some((last, segments)) if last == name => segments.push(found.segment + 1),
            _ => unaligned.push((name.clone(), vec![found.segment + 1])),
        }
    }
    let references = corpus.references.len();
    let mut texts = result.texts.into_iter().zip(result.origins);
    corpus.references = texts
        .by_ref()
        .take(references)
        .map(|(text, _)| text)
        .collect();
    for (system, (text, origins)) in corpus.systems.iter_mut().zip(texts) {
        let own = system
            .segments
            .sources
            .take()
            .or_else(|| corpus.sources.clone());
        system.segments = Segments {
            texts: text,
            sources: own.map(|sources| joined(&sources, &origins)),
            alignments: None,
        };
    }
    corpus.sources = None;
    Ok(Input {
        corpus,
        signature: alignment_signature(),
        is_aligned: true,
        unaligned,
    })
}

/// The sources of segments that were put together.
fn joined(sources: &[String], origins: &[Vec<usize>]) -> Vec<String> {
    let of_segment = |segments: &Vec<usize>| {
        let texts: Vec<&str> = segments.iter().map(|&index| &sources[index][..]).collect();
        texts.join(" ")
    };
    origins.iter().map(of_segment).collect()
}
