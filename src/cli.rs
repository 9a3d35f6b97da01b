//! What can be typed; no work is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dolmetsch::alignment::Links;
use dolmetsch::device::DeviceChoice;
use dolmetsch::language::Language;
use dolmetsch::reader::TextEncoding;

use crate::commands::align::AlignArgs;
use crate::commands::batch::BatchArgs;
use crate::commands::bench::BenchArgs;
use crate::commands::check::CheckArgs;
use crate::commands::compare::CompareArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::config::ConfigArgs;
use crate::commands::man::ManArgs;
use crate::commands::models::ModelsArgs;

/// Translates German into English and Vietnamese on your own machine, and
/// aligns every word of the translation with its source.
#[derive(Debug, Parser)]
#[command(
    name = "dolmetsch",
    version,
    max_term_width = 100,
    after_long_help = EXAMPLES_AND_SETTINGS
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Log level on stderr: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub log_level: tracing::Level,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Translate a text
    #[command(after_long_help = TRANSLATE_EXAMPLES)]
    Translate(Box<Translate>),
    /// Translate many files, resumable
    Batch(Box<BatchArgs>),
    /// Score translations against references
    Compare(Box<CompareArgs>),
    /// Align the words or sentences of texts that are already translated
    Align(Box<AlignArgs>),
    /// Find the sentences of a German text
    #[command(after_long_help = SEGMENT_EXAMPLES)]
    Segment(Segment),
    /// List, fetch, check and remove models
    #[command(after_long_help = MODELS_EXAMPLES)]
    Models(ModelsArgs),
    /// Turn lines of text into tokens, or tokens into text
    #[command(after_long_help = TOKENIZE_EXAMPLES)]
    Tokenize(Tokenize),
    /// Measure how fast a model is on this machine
    #[command(after_long_help = BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// Show all settings and where they come from
    #[command(after_long_help = CONFIG_EXAMPLE)]
    Config(ConfigArgs),
    /// Print what a shell needs to complete command lines
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(after_long_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Find loops, gaps, changed numbers and the like in translations of any origin
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
}

const EXAMPLES_AND_SETTINGS: &str = "\
Examples:
  dolmetsch translate artikel.txt --to en
  dolmetsch translate artikel.txt --to en --to vi --output-dir translated
  dolmetsch models list

Settings:
  Options have defaults in variables (DOLMETSCH_TO=en, DOLMETSCH_LOG_LEVEL=info)
  and in config.toml in the platform's config folder, or in the file that
  DOLMETSCH_CONFIG names. What is typed comes first, then variables, then the file.
  `dolmetsch config` shows all of them.

Exit codes:
  0 good, 1 failure, 2 usage, 3 model or network unavailable, 4 input unreadable,
  5 flagged sentences remain (--strict), 6 counts or manifests that do not match,
  130 interrupted";

const TRANSLATE_EXAMPLES: &str = "\
Examples:
  An article, with the small model inside the program, in lines of 72 columns:
    dolmetsch translate artikel.txt --to en --model builtin --wrap 72
  Into two languages, a file each:
    dolmetsch translate *.txt --to en,vi --output-dir translated
  A corpus, line by line:
    dolmetsch translate korpus.de --to en --lines -o korpus.en
  Records with word alignment and scores:
    dolmetsch translate artikel.txt --to en --format jsonl
  An old file, through English:
    dolmetsch translate alt.txt --encoding windows-1252 --to vi --via en";

const BENCH_EXAMPLES: &str = "\
Examples:
  dolmetsch bench                                       the built-in model
  dolmetsch bench --model opus-mt-de-en --batch 1       one sentence at a time
  DOLMETSCH_ISA=avx2 dolmetsch bench --format json      with other instructions
  dolmetsch bench --device cuda --batch 256             on an NVIDIA GPU";

const SEGMENT_EXAMPLES: &str = "\
Examples:
  dolmetsch segment artikel.txt
  dolmetsch segment artikel.txt --format jsonl --abbreviations mine.txt";

const MODELS_EXAMPLES: &str = "\
Examples:
  dolmetsch models list
  dolmetsch models fetch opus-mt-de-en opus-mt-de-vi
  dolmetsch models verify";

const TOKENIZE_EXAMPLES: &str = "\
Examples:
  echo 'Guten Morgen' | dolmetsch tokenize --model builtin
  echo '[4091,10,4000,0]' | dolmetsch tokenize --model builtin --decode";

const CHECK_EXAMPLES: &str = "\
Examples:
  dolmetsch check --source korpus.de --target korpus.en --to en
  dolmetsch check --source korpus.de --target korpus.vi --to vi --format jsonl --strict";

const CONFIG_EXAMPLE: &str = "\
A config file has the options' long names; a table is for one subcommand:
  log-level = \"info\"
  model = \"builtin\"

  [translate]
  to = [\"en\", \"vi\"]
  quiet = true              # --quiet=false turns that off again";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  dolmetsch completions bash > ~/.local/share/bash-completion/completions/dolmetsch
  dolmetsch completions zsh > ~/.zfunc/_dolmetsch
  dolmetsch completions fish > ~/.config/fish/completions/dolmetsch.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  dolmetsch man | man -l -
  dolmetsch man --output-dir ~/.local/share/man/man1";

/// `dolmetsch translate`
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches of a command line"
)]
pub struct Translate {
    /// Text files; - or none is standard input
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// What translates
    #[command(flatten)]
    pub models: ModelOptions,
    /// How the inputs are encoded
    #[command(flatten)]
    pub encoding: EncodingOption,
    /// Take each line as one segment: as many lines out as in, empty ones too
    #[arg(long, help_heading = "Segmentation")]
    pub lines: bool,
    /// Where sentences end
    #[command(flatten)]
    pub segmentation: SegmentationOptions,
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub format: Format,
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
    /// Wrap paragraphs of text output after at most N columns
    ///
    /// Lines break at spaces only, so that URLs stay whole; further lines of a
    /// list item are indented like its first one. Without this, a paragraph is
    /// one line. Headings, other formats and --lines are not wrapped.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "lines",
        value_parser = columns,
        help_heading = "Output"
    )]
    pub wrap: Option<usize>,
    /// Write the N best hypotheses of each segment
    ///
    /// As text: number ||| text ||| score
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Output")]
    pub n_best: usize,
    /// Show token ids in JSONL records
    #[arg(long, help_heading = "Output")]
    pub tokens: bool,
    /// No progress bar, no notes
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// How the translation is searched
    #[command(flatten)]
    pub search: SearchOptions,
    /// What is done about translations that cannot be trusted
    #[command(flatten)]
    pub guard: GuardOptions,
    /// Exit with 5 if sentences need a look
    #[arg(long, help_heading = "Guard")]
    pub strict: bool,
    /// What computes
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// Which languages, and which models lead there.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// Target language, en or vi; may be given several times
    #[arg(
        long,
        value_name = "LANG",
        required = true,
        value_delimiter = ',',
        help_heading = "Languages and models"
    )]
    pub to: Vec<Language>,
    /// Source language
    #[arg(
        long,
        value_name = "LANG",
        default_value = "de",
        help_heading = "Languages and models"
    )]
    pub from: Language,
    /// Translate through this language, with two models
    #[arg(long, value_name = "LANG", help_heading = "Languages and models")]
    pub via: Option<Language>,
    /// Model, `builtin` or another [default: the best for the languages]
    ///
    /// `builtin`, a name that `dolmetsch models list` shows, `owner/name` on the
    /// Hugging Face Hub, or a folder; for several languages it may be given
    /// several times. A model of the Hub is fetched when it is used first.
    #[arg(long, value_name = "MODEL", help_heading = "Languages and models")]
    pub model: Vec<String>,
    /// Use what is on this disk; send no request
    #[arg(long, help_heading = "Languages and models")]
    pub offline: bool,
}

/// How inputs are encoded.
#[derive(Debug, Args)]
pub struct EncodingOption {
    /// Encoding of the input, such as windows-1252
    ///
    /// `auto` is UTF-8, or what a byte order mark says. The names are those of the WHATWG Encoding Standard. The output is always
    /// UTF-8, and byte spans count in the text as UTF-8.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "auto",
        help_heading = "Input"
    )]
    pub encoding: TextEncoding,
}

/// What is done about translations that cannot be trusted.
#[derive(Debug, Args)]
pub struct GuardOptions {
    /// Look for loops, gaps, copied words, changed numbers, lost negations and
    /// the like, and translate again what has any
    #[arg(long, value_enum, default_value_t = GuardMode::On, help_heading = "Guard")]
    pub guard: GuardMode,
    /// Leave the source in place, in ⟦ and ⟧, where the confidence (0 to 1) is
    /// lower
    #[arg(long, value_name = "X", help_heading = "Guard", value_parser = confidence)]
    pub min_confidence: Option<f32>,
}

/// A number from 0 to 1.
fn confidence(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("a number from 0 to 1 is needed".to_owned()),
    }
}

/// What the guard does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GuardMode {
    /// Finds problems, translates again, keeps the best, and reports
    On,
    /// Finds problems and reports them
    Report,
    /// Nothing
    Off,
}

/// Where sentences end.
#[derive(Debug, Args)]
pub struct SegmentationOptions {
    /// Where sentences end
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value_t = SplitSentences::Auto,
        help_heading = "Segmentation"
    )]
    pub split_sentences: SplitSentences,
    /// File with one more abbreviation a line, after which no sentence ends
    #[arg(long, value_name = "FILE", help_heading = "Segmentation")]
    pub abbreviations: Option<PathBuf>,
}

/// How translations are searched.
#[derive(Debug, Args)]
pub struct SearchOptions {
    /// Hypotheses kept for each sentence; 1 is greedy [default: the model's]
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
    /// Longest translation, in tokens [default: 3 for each source token, plus 8]
    ///
    /// In decoder positions: start and end token are included.
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub max_length: Option<usize>,
    /// No n-gram of this size occurs twice in a translation; 0 is off
    #[arg(long, value_name = "N", help_heading = "Search")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Let the model rewrite what is not prose, instead of keeping it
    ///
    /// URLs, e-mail addresses, placeholders, numbers with units, UUIDs, runs of more
    /// than 100 bytes without white space, emoji and lines without letters are
    /// otherwise copied byte for byte.
    #[arg(long, help_heading = "Search")]
    pub no_verbatim: bool,
    /// Word links: the best ones, all, or from a score on [default: 0.5]
    ///
    /// `hard`: the best one for each target word; `soft`: all, with their
    /// scores; or those with a score of at least this, from 0 to 1.
    #[arg(
        long,
        value_name = "hard|soft|THRESHOLD",
        hide_default_value = true,
        default_value = "0.5",
        help_heading = "Search"
    )]
    pub alignment: Links,
    /// Normalisation of the source
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value_t = Normalize::Auto,
        help_heading = "Search"
    )]
    pub normalize: Normalize,
}

/// What computes.
#[derive(Debug, Args)]
pub struct MachineOptions {
    /// What computes
    #[command(flatten)]
    pub engine: EngineOptions,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", help_heading = "Machine", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Source tokens in a batch, padding included [default: 1280 with a beam of 4, on a GPU what its
    /// memory has room for]
    #[arg(long, value_name = "N", help_heading = "Machine")]
    pub batch_tokens: Option<usize>,
}

/// The device, the engine and its numbers.
#[derive(Debug, Args)]
pub struct EngineOptions {
    /// Device: auto, cpu, cuda, cuda:N or metal
    ///
    /// `auto` is a GPU if this program was built for one (the features `cuda` and
    /// `metal`) and one is there, else the processor.
    #[arg(
        long,
        value_name = "DEVICE",
        default_value_t = DeviceChoice::Auto,
        help_heading = "Machine"
    )]
    pub device: DeviceChoice,
    /// Engine [default: fast, on a GPU reference]
    #[arg(long, value_enum, help_heading = "Machine")]
    pub engine: Option<Engine>,
    /// What is multiplied [default: int8 in the fast engine, f32 in the reference
    /// engine, f16 on a GPU]
    #[arg(long, value_enum, help_heading = "Machine")]
    pub compute: Option<Compute>,
}

/// `dolmetsch segment`
#[derive(Debug, Args)]
pub struct Segment {
    /// A text file; - or none is standard input
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// How the input is encoded
    #[command(flatten)]
    pub encoding: EncodingOption,
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
    /// Model: `builtin`, or a folder
    ///
    /// The folder has source.spm, target.spm and vocab.json; without vocab.json
    /// the ids are those of the spm files.
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Use the target side's pieces
    #[arg(long)]
    pub target: bool,
    /// Turn lines of JSON token ids into text
    #[arg(long)]
    pub decode: bool,
    /// A text file; - or none is standard input
    #[arg(value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// How the input is encoded
    #[command(flatten)]
    pub encoding: EncodingOption,
}

/// A width of lines.
fn columns(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(columns) if columns > 0 => Ok(columns),
        _ => Err("a line has one column or more".to_owned()),
    }
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
    /// Kernels for this processor
    Fast,
    /// candle: on processors what the fast engine is compared with, and the engine
    /// for GPUs
    Reference,
}

/// Numbers of the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compute {
    /// 8-bit integers; the fast engine
    Int8,
    /// 32-bit floats, slower; both engines
    F32,
    /// 16-bit floats; the reference engine
    F16,
    /// 16-bit floats of f32's range, which are less precise; the reference engine
    Bf16,
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
