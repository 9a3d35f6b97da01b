//! What can be typed after `dolmetsch compare`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dolmetsch::comparison::{Certainty, InputFormat};
use dolmetsch::language::Language;
use dolmetsch::metrics::{Bleu, BleuTokenizer, Chrf, Metric, Resampling, Smoothing, Ter};
use dolmetsch::{Error, Result};

use crate::cli::{EncodingOption, MachineOptions, SearchOptions};

/// `dolmetsch compare`: the options are those of sacreBLEU, under its names.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches of a command line"
)]
pub struct CompareArgs {
    /// Translations to be scored: text with a segment a line, records of
    /// `translate --format jsonl`, or tables; - is standard input
    #[arg(value_name = "HYPOTHESES")]
    pub hypotheses: Vec<PathBuf>,
    /// How the texts are encoded
    #[command(flatten)]
    pub encoding: EncodingOption,
    /// The same, under sacreBLEU's name
    #[arg(long, short, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    pub input: Vec<PathBuf>,
    /// A reference translation; may be given several times
    #[arg(
        long,
        short,
        value_name = "FILE",
        required = true,
        help_heading = "Input"
    )]
    pub reference: Vec<PathBuf>,
    /// What was translated, a segment a line
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub source: Option<PathBuf>,
    /// How the files hold segments [default: .jsonl and .tsv by name, else text]
    #[arg(long, value_enum, help_heading = "Input")]
    pub input_format: Option<InputFormatName>,
    /// The column of tables, from 1 [default: the last one, or what stands before
    /// the word links that translate --format tsv writes]
    #[arg(long, value_name = "N", help_heading = "Input", value_parser = clap::value_parser!(u16).range(1..))]
    pub column: Option<u16>,
    /// Of records in several languages take those in this one
    #[arg(long, value_name = "LANG", help_heading = "Input")]
    pub target_lang: Option<String>,

    /// Where segment counts differ, align sentences with the first reference and
    /// score what is aligned; or do so always
    #[arg(long, value_enum, default_value_t = ReferenceAlign::Never, help_heading = "Input")]
    pub reference_align: ReferenceAlign,
    /// Score as well after NFC and with tone marks in one place (hoà, not hòa)
    #[arg(long, help_heading = "Input")]
    pub normalize_vietnamese: bool,

    /// What is written
    #[arg(long, short, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    pub format: Format,
    /// Write to this file, which gets its name when it is complete
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Tell what went wrong, in text and JSON; the page always does
    #[arg(long, help_heading = "Output")]
    pub diagnose: bool,
    /// Segments and n-grams that --diagnose shows in text
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    pub worst: usize,
    /// A score for each segment instead of the whole
    #[arg(long, help_heading = "Output")]
    pub sentence_level: bool,
    /// Decimals of scores in text and LaTeX
    #[arg(
        long,
        short,
        value_name = "N",
        default_value_t = 1,
        help_heading = "Output"
    )]
    pub width: usize,
    /// Short signatures
    #[arg(long, help_heading = "Output")]
    pub short: bool,
    /// Nothing but scores
    #[arg(long, short = 'b', help_heading = "Output")]
    pub score_only: bool,

    /// The metrics: bleu, chrf, ter
    #[arg(long, short, value_enum, num_args = 1.., value_delimiter = ',', default_values_t = [MetricName::Bleu], help_heading = "Metrics")]
    pub metrics: Vec<MetricName>,
    /// BLEU: what becomes of n-gram orders without matches
    #[arg(long, short, value_enum, default_value_t = SmoothingName::Exp, help_heading = "Metrics")]
    pub smooth_method: SmoothingName,
    /// BLEU: matches of --smooth-method floor [default: 0.1] or add-k [default: 1]
    #[arg(long, value_name = "NUMBER", help_heading = "Metrics")]
    pub smooth_value: Option<f64>,
    /// BLEU: how words are parted
    #[arg(long, value_enum, default_value_t = TokenizerName::V13a, help_heading = "Metrics")]
    pub tokenize: TokenizerName,
    /// BLEU: case does not matter
    #[arg(long, help_heading = "Metrics")]
    pub lowercase: bool,
    /// BLEU: leave out orders that the text is too short for; always so with
    /// --sentence-level
    #[arg(long, help_heading = "Metrics")]
    pub effective_order: bool,
    /// chrF: highest order of character n-grams
    #[arg(long, value_name = "N", default_value_t = 6, help_heading = "Metrics")]
    pub chrf_char_order: u8,
    /// chrF: highest order of word n-grams; 2 is chrF++
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Metrics")]
    pub chrf_word_order: u8,
    /// chrF: how much recall weighs against precision
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Metrics")]
    pub chrf_beta: u16,
    /// chrF: case does not matter
    #[arg(long, help_heading = "Metrics")]
    pub chrf_lowercase: bool,
    /// chrF: white space is part of character n-grams
    #[arg(long, help_heading = "Metrics")]
    pub chrf_whitespace: bool,
    /// chrF: orders without n-grams count as almost 0 instead of not at all
    #[arg(long, help_heading = "Metrics")]
    pub chrf_eps_smoothing: bool,
    /// TER: case matters
    #[arg(long, help_heading = "Metrics")]
    pub ter_case_sensitive: bool,
    /// TER: the two options below know East Asian characters
    #[arg(long, help_heading = "Metrics")]
    pub ter_asian_support: bool,
    /// TER: remove punctuation
    #[arg(long, help_heading = "Metrics")]
    pub ter_no_punct: bool,
    /// TER: part punctuation from words
    #[arg(long, help_heading = "Metrics")]
    pub ter_normalized: bool,

    /// Confidence intervals by bootstrap resampling
    #[arg(long, conflicts_with_all = ["paired_bs", "paired_ar"], help_heading = "Significance")]
    pub confidence: bool,
    /// Resamples for --confidence
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Significance", value_parser = clap::value_parser!(u32).range(1..))]
    pub confidence_n: u32,
    /// Each system against the first one, by paired bootstrap resampling
    #[arg(long, conflicts_with = "paired_ar", help_heading = "Significance")]
    pub paired_bs: bool,
    /// Resamples for --paired-bs
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Significance", value_parser = clap::value_parser!(u32).range(1..))]
    pub paired_bs_n: u32,
    /// Each system against the first one, by approximate randomisation
    #[arg(long, help_heading = "Significance")]
    pub paired_ar: bool,
    /// Trials for --paired-ar
    #[arg(long, value_name = "N", default_value_t = 10000, help_heading = "Significance", value_parser = clap::value_parser!(u32).range(1..))]
    pub paired_ar_n: u32,
    /// Seed of numpy's random numbers
    #[arg(
        long,
        value_name = "N",
        env = "SACREBLEU_SEED",
        default_value_t = 12345,
        help_heading = "Significance"
    )]
    pub seed: u64,

    /// Translate --source with this model and score the result as well; may be
    /// given several times
    #[arg(
        long,
        value_name = "MODEL",
        requires = "source",
        help_heading = "Translation"
    )]
    pub model: Vec<String>,
    /// The language that --model translates into
    #[arg(
        long,
        value_name = "LANG",
        default_value = "en",
        help_heading = "Translation"
    )]
    pub to: Language,
    /// The language of --source
    #[arg(
        long,
        value_name = "LANG",
        default_value = "de",
        help_heading = "Translation"
    )]
    pub from: Language,
    /// Use models on this disk; send no request
    #[arg(long, help_heading = "Translation")]
    pub offline: bool,
    /// How translations are searched
    #[command(flatten)]
    pub search: SearchOptions,
    /// What computes
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// sacreBLEU's short options of several letters, which clap would take apart.
const SHORT_NAMES: [(&str, &str); 14] = [
    ("-sl", "--sentence-level"),
    ("-sv", "--smooth-value"),
    ("-tok", "--tokenize"),
    ("-lc", "--lowercase"),
    ("-cc", "--chrf-char-order"),
    ("-cw", "--chrf-word-order"),
    ("-ci", "--confidence"),
    ("-cin", "--confidence-n"),
    ("-par", "--paired-ar"),
    ("-pbs", "--paired-bs"),
    ("-parn", "--paired-ar-n"),
    ("-pbsn", "--paired-bs-n"),
    ("-sh", "--short"),
    ("-j", "--threads"),
];

/// The arguments of the program with sacreBLEU's short names written out, if
/// the command is `compare`.
pub fn with_long_names(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|command| command == "compare") {
        let options = arguments[2..].iter_mut();
        for argument in options.take_while(|argument| *argument != "--") {
            if let Some((_, long)) = SHORT_NAMES.iter().find(|(short, _)| argument == short) {
                *argument = OsString::from(long);
            }
        }
    }
    arguments
}

/// Output formats of `compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Scores as sacreBLEU prints them
    Text,
    /// All digits
    Json,
    /// A table for LaTeX with booktabs
    Latex,
    /// A page with charts and all segments
    Html,
}

/// When references are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferenceAlign {
    /// Where the counts differ
    Auto,
    /// Every text
    Always,
    /// Unequal counts are an error
    Never,
}

/// How files hold segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormatName {
    /// A segment a line
    Text,
    /// A record of `translate --format jsonl` a line
    Jsonl,
    /// A table with tabs between columns
    Tsv,
}

impl From<InputFormatName> for InputFormat {
    fn from(name: InputFormatName) -> Self {
        match name {
            InputFormatName::Text => Self::Text,
            InputFormatName::Jsonl => Self::Jsonl,
            InputFormatName::Tsv => Self::Tsv,
        }
    }
}

/// Metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum MetricName {
    /// Word n-grams
    Bleu,
    /// Character n-grams
    Chrf,
    /// Edits
    Ter,
}

/// Smoothing of BLEU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SmoothingName {
    /// A half, a fourth, an eighth … match
    Exp,
    /// A small number of matches
    Floor,
    /// More matches and n-grams of each order from 2 on
    AddK,
    /// None
    None,
}

/// Tokenizers of BLEU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TokenizerName {
    /// WMT's
    #[value(name = "13a")]
    V13a,
    /// At Unicode's punctuation and symbols
    Intl,
    /// Characters
    Char,
    /// White space only
    None,
    /// Chinese characters, else 13a
    Zh,
}

impl From<TokenizerName> for BleuTokenizer {
    fn from(name: TokenizerName) -> Self {
        match name {
            TokenizerName::V13a => Self::V13a,
            TokenizerName::Intl => Self::Intl,
            TokenizerName::Char => Self::Char,
            TokenizerName::None => Self::None,
            TokenizerName::Zh => Self::Zh,
        }
    }
}

impl CompareArgs {
    /// The metrics that are asked for, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] for options that do not go together.
    pub fn metrics(&self) -> Result<Vec<Box<dyn Metric>>> {
        if self.chrf_char_order == 0 && self.chrf_word_order == 0 {
            return Err(Error::Options(
                "chrF needs n-grams: --chrf-char-order or --chrf-word-order must be at least 1"
                    .to_owned(),
            ));
        }
        let smoothing = self.smoothing()?;
        let mut names = self.metrics.clone();
        names.sort_unstable();
        names.dedup();
        let metric = |name| -> Box<dyn Metric> {
            match name {
                MetricName::Bleu => Box::new(Bleu {
                    tokenizer: self.tokenize.into(),
                    smoothing,
                    lowercase: self.lowercase,
                    effective_order: self.effective_order || self.sentence_level,
                }),
                MetricName::Chrf => Box::new(Chrf {
                    char_order: self.chrf_char_order.into(),
                    word_order: self.chrf_word_order.into(),
                    beta: self.chrf_beta.into(),
                    lowercase: self.chrf_lowercase,
                    whitespace: self.chrf_whitespace,
                    eps_smoothing: self.chrf_eps_smoothing,
                }),
                MetricName::Ter => Box::new(Ter::new(
                    self.ter_normalized,
                    self.ter_no_punct,
                    self.ter_asian_support,
                    self.ter_case_sensitive,
                )),
            }
        };
        Ok(names.into_iter().map(metric).collect())
    }

    fn smoothing(&self) -> Result<Smoothing> {
        match (self.smooth_method, self.smooth_value) {
            (SmoothingName::Floor, value) => Ok(Smoothing::Floor(value.unwrap_or(0.1))),
            (SmoothingName::AddK, value) => Ok(Smoothing::AddK(value.unwrap_or(1.0))),
            (_, Some(_)) => Err(Error::Options(
                "--smooth-value goes with --smooth-method floor or add-k".to_owned(),
            )),
            (SmoothingName::Exp, None) => Ok(Smoothing::Exp),
            (SmoothingName::None, None) => Ok(Smoothing::None),
        }
    }

    /// What is to be said of how sure scores are.
    pub fn certainty(&self) -> Certainty {
        let resampling = |trials: u32| Resampling {
            trials: trials as usize,
            seed: self.seed,
        };
        if self.paired_bs {
            Certainty::PairedBootstrap(resampling(self.paired_bs_n))
        } else if self.paired_ar {
            Certainty::ApproximateRandomization(resampling(self.paired_ar_n))
        } else if self.confidence {
            self.confidence_interval()
        } else {
            Certainty::None
        }
    }

    /// Intervals as --confidence gives them.
    pub fn confidence_interval(&self) -> Certainty {
        Certainty::Confidence(Resampling {
            trials: self.confidence_n as usize,
            seed: self.seed,
        })
    }
}
