//! What can be typed; no work is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dolmetsch::alignment::Links;
use dolmetsch::language::Language;

use crate::commands::align::AlignArgs;
use crate::commands::batch::BatchArgs;
use crate::commands::compare::CompareArgs;
use crate::commands::models::ModelsArgs;

/// Translates German into English and Vietnamese on your own machine, and
/// aligns every word of the translation with its source.
#[derive(Debug, Parser)]
#[command(name = "dolmetsch", version, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// What is logged to stderr: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub log_level: tracing::Level,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Translate a text
    Translate(Box<Translate>),
    /// Translate many files, resumable
    Batch(Box<BatchArgs>),
    /// Score translations against references
    Compare(CompareArgs),
    /// Align the words or sentences of texts that are already translated
    Align(Box<AlignArgs>),
    /// Find the sentences of a German text
    Segment(Segment),
    /// List, fetch, check and remove models
    Models(ModelsArgs),
    /// Turn lines of text into tokens, or tokens into text
    Tokenize(Tokenize),
}

/// `dolmetsch translate`
#[derive(Debug, Args)]
pub struct Translate {
    /// UTF-8 text files; - or none is standard input
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// What translates
    #[command(flatten)]
    pub models: ModelOptions,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Take each line as one segment: as many lines out as in, empty ones too
    #[arg(long)]
    pub lines: bool,
    /// Write to this file, which gets its name when it is complete
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Write NAME.LANG.EXT to this folder for each input and target
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with = "output",
        help_heading = "Output"
    )]
    pub output_dir: Option<PathBuf>,
    /// Write the N best hypotheses of each segment; as text:
    /// number ||| text ||| score
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Output")]
    pub n_best: usize,
    /// Show token ids in JSONL records
    #[arg(long, help_heading = "Output")]
    pub tokens: bool,
    /// No progress bar, no notes
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Where sentences end
    #[command(flatten)]
    pub segmentation: SegmentationOptions,
    /// How the translation is searched
    #[command(flatten)]
    pub search: SearchOptions,
    /// What computes
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// Which languages, and which models lead there.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// Target language, en or vi; may be given several times
    #[arg(long, value_name = "LANG", required = true, value_delimiter = ',')]
    pub to: Vec<Language>,
    /// Source language
    #[arg(long, value_name = "LANG", default_value = "de")]
    pub from: Language,
    /// Translate through this language, with two models
    #[arg(long, value_name = "LANG")]
    pub via: Option<Language>,
    /// `builtin`, a name that `dolmetsch models list` shows, `owner/name` on the
    /// Hugging Face Hub, or a folder; for several languages it may be given
    /// several times [default: the best one for the languages, fetched from the
    /// Hub when it is used first]
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Use what is on this disk; send no request
    #[arg(long)]
    pub offline: bool,
}

/// Where sentences end.
#[derive(Debug, Args)]
pub struct SegmentationOptions {
    /// Where sentences end: found by rules, or at line ends only
    #[arg(long, value_enum, default_value_t = SplitSentences::Auto, help_heading = "Segmentation")]
    pub split_sentences: SplitSentences,
    /// A file with one more abbreviation a line, after which no sentence ends
    #[arg(long, value_name = "FILE", help_heading = "Segmentation")]
    pub abbreviations: Option<PathBuf>,
}

/// How translations are searched.
#[derive(Debug, Args)]
pub struct SearchOptions {
    /// Hypotheses kept for each sentence; 1 is greedy search [default: the model's]
    #[arg(
        long,
        visible_alias = "beam-size",
        value_name = "N",
        help_heading = "Search"
    )]
    pub beam: Option<usize>,
    /// Exponent of score / length^N [default: the model's, else 1]
    #[arg(
        long,
        value_name = "N",
        help_heading = "Search",
        allow_negative_numbers = true
    )]
    pub length_penalty: Option<f32>,
    /// Limit of a translation in decoder positions, start and end token
    /// included [default: 3 for each source token, plus 8]
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub max_length: Option<usize>,
    /// No n-gram of this size occurs twice in a translation; 0 is off
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Let the model rewrite URLs, e-mail addresses, placeholders, numbers with
    /// units, emoji and lines without letters, instead of keeping them
    #[arg(long, help_heading = "Search")]
    pub no_verbatim: bool,
    /// Word links: hard, the best one for each target word; soft, all, with
    /// their scores; or those with a score of at least this, from 0 to 1
    /// [default: 0.5]
    #[arg(
        long,
        value_name = "hard|soft|THRESHOLD",
        hide_default_value = true,
        default_value = "0.5",
        help_heading = "Search"
    )]
    pub alignment: Links,
    /// Normalise the source as in the model's training, or not at all
    #[arg(long, value_enum, default_value_t = Normalize::Auto, help_heading = "Search")]
    pub normalize: Normalize,
}

/// What computes.
#[derive(Debug, Args)]
pub struct MachineOptions {
    /// What computes: the f32 reference engine
    #[arg(long, value_enum, default_value_t = Engine::Reference, help_heading = "Machine")]
    pub engine: Engine,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Machine", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Source tokens in a batch, padding included
    #[arg(
        long,
        value_name = "N",
        default_value_t = 768,
        help_heading = "Machine"
    )]
    pub batch_tokens: usize,
}

/// `dolmetsch segment`
#[derive(Debug, Args)]
pub struct Segment {
    /// A UTF-8 text file; - or none is standard input
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// What is written for each sentence
    #[arg(long, value_enum, default_value_t = SegmentFormat::Text)]
    pub format: SegmentFormat,
    /// Read lines {"text": …}, write lines {"ends": […]} in code points
    #[arg(long, conflicts_with = "format")]
    pub jsonl: bool,
    /// A file with one more abbreviation a line
    #[arg(long, value_name = "FILE")]
    pub abbreviations: Option<PathBuf>,
}

/// `dolmetsch tokenize`
#[derive(Debug, Args)]
pub struct Tokenize {
    /// `builtin`, or a folder with source.spm, target.spm and vocab.json; without
    /// vocab.json the ids are those of the spm files
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Use the target side's pieces
    #[arg(long)]
    pub target: bool,
    /// Turn lines of JSON token ids into text
    #[arg(long)]
    pub decode: bool,
    /// A UTF-8 text file; - or none is standard input
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,
}

/// Output formats of `translate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The translation, in the layout of the source
    Text,
    /// A JSON record for each sentence and target
    Jsonl,
    /// A line for each sentence: the source and its translations, tabs between
    Tsv,
    /// A line of word links i-j for each sentence
    Pharaoh,
    /// A page to read source and translation side by side, with their word links
    Html,
    /// A translation memory (TMX 1.4b) with word links
    Tmx,
    /// XLIFF 2.1 with word links; one target
    Xliff,
}

impl Format {
    /// Whether a file holds all targets, also in `--output-dir`.
    pub fn holds_all_targets(self) -> bool {
        matches!(self, Self::Html | Self::Tmx)
    }

    /// What the names of its files end with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Jsonl => "jsonl",
            Self::Tsv => "tsv",
            Self::Pharaoh => "pharaoh",
            Self::Html => "html",
            Self::Tmx => "tmx",
            Self::Xliff => "xlf",
        }
    }
}

/// Output formats of `segment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SegmentFormat {
    /// A sentence a line
    Text,
    /// A JSON object for each sentence, with its bytes in the input
    Jsonl,
}

/// Where sentences end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitSentences {
    /// Found by rules
    Auto,
    /// At the end of each line (as --lines)
    Lines,
    /// At the end of each paragraph
    None,
}

/// Normalisation of the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Normalize {
    /// What the model was trained with, as far as that is known
    Auto,
    /// None
    None,
}

/// Engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// candle, in f32
    Reference,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
