//! How fast an engine is on this machine: searches of random tokens up to a
//! fixed length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::Device;

use crate::batch::{BatchLimits, SentenceQueue, TokenBatch};
use crate::beam_search::{BeamSearch, Boundaries, Found, MaxLength, Scorer, Step, StepQuery};
use crate::device;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::tokenizer::TokenId;

/// Tokens of each translation while caches and clocks warm up.
const WARM_UP_TOKENS: usize = 4;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Benchmark {
    /// Sentences that are translated.
    pub sentences: usize,
    /// Tokens of each, the end token included.
    pub source_tokens: usize,
    /// Tokens of each translation; none ends earlier.
    pub target_tokens: usize,
    /// Hypotheses kept for each sentence.
    pub beam_size: usize,
    /// Sentences that a worker has under way; the engine's own number when
    /// `None`. 1 is one sentence at a time, on which all workers help.
    pub batch: Option<usize>,
    /// Worker threads; all cores when `None`.
    pub threads: Option<usize>,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// From the first sentence to the last.
    pub elapsed: Duration,
    /// Tokens of the best hypotheses.
    pub tokens: usize,
    /// Time of one step of one worker, on average.
    pub step: Duration,
    /// Workers.
    pub threads: usize,
    /// CPU time of all threads, where the system says it.
    pub cpu: Option<Duration>,
    /// The most bytes in use on the GPU, by all programs.
    pub gpu_memory: Option<usize>,
}

impl Benchmark {
    /// Runs it: once short, to warm up, and once measured.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the model has not enough positions or tokens, and
    /// whatever the engine reports.
    pub fn run(&self, engine: &Engine) -> Result<Measured> {
        let positions = engine.config().max_position_embeddings;
        if self.source_tokens == 0 || self.target_tokens == 0 || self.sentences == 0 {
            return Err(Error::Options("there is nothing to measure".to_owned()));
        }
        if self.source_tokens > positions || self.target_tokens + 2 > positions {
            return Err(Error::Options(format!(
                "the model has {positions} positions, too few for so many tokens"
            )));
        }
        match engine {
            Engine::Reference(marian) => self.measure(engine, &**marian),
            Engine::Int8(marian) => self.measure(engine, &**marian),
            Engine::F32(marian) => self.measure(engine, &**marian),
        }
    }

    fn measure<S: Scorer + Sync>(&self, engine: &Engine, scorer: &S) -> Result<Measured> {
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(engine.workers(self.threads.unwrap_or(0)))
            .build()
            .map_err(|error| Error::Options(format!("could not start worker threads: {error}")))?;
        let threads = workers.current_num_threads();
        let limits = match self.batch {
            None => engine.limits(self.beam_size, None),
            Some(sentences) => BatchLimits {
                tokens: usize::MAX,
                sentences,
            },
        };
        let sources = self.sources(engine, scorer.boundaries().end);
        let search = |sources: &[Vec<TokenId>], target_tokens: usize| -> Result<Measured> {
            let forced = ForcedLength::new(scorer);
            let beam_search = BeamSearch {
                beam_size: self.beam_size,
                length_penalty: 1.0,
                // Behind the tokens and the start token, the end token is free.
                max_length: MaxLength::Positions(target_tokens + 2),
                no_repeat_ngram_size: 0,
                repetition_penalty: 1.0,
            };
            let queue = SentenceQueue::new(sources.to_vec(), limits, threads);
            let (begun, cpu_before) = (Instant::now(), cpu_time());
            let search = || beam_search.search_queue(&forced, &queue, &|_| ());
            let found: Vec<Vec<Found>> = if limits.sentences == 1 {
                // One sentence at a time, and all workers on it.
                vec![workers.install(search)?]
            } else {
                let found = workers.broadcast(|_| search());
                found.into_iter().collect::<Result<_>>()?
            };
            let elapsed = begun.elapsed();
            let best = found.iter().flatten().map(|found| &found.hypotheses[0]);
            Ok(Measured {
                elapsed,
                tokens: best.map(|best| best.tokens.len() - 1).sum(),
                step: forced.mean_step(),
                threads,
                cpu: cpu_time().and_then(|after| after.checked_sub(cpu_before?)),
                gpu_memory: None,
            })
        };
        let few = sources.len().min(threads * limits.sentences.min(8));
        search(&sources[..few], WARM_UP_TOKENS.min(self.target_tokens))?;
        let (measured, gpu_memory) =
            watching(engine.device(), || search(&sources, self.target_tokens));
        Ok(Measured {
            gpu_memory,
            ..measured?
        })
    }

    /// Random tokens, the same in each run.
    fn sources(&self, engine: &Engine, end: TokenId) -> Vec<Vec<TokenId>> {
        let vocabulary = engine.config().vocab_size as u64;
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut token = || {
            // Xorshift (Marsaglia 2003).
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            ((seed >> 16) % vocabulary) as TokenId
        };
        (0..self.sentences)
            .map(|_| {
                let mut source: Vec<TokenId> = (1..self.source_tokens).map(|_| token()).collect();
                source.push(end);
                source
            })
            .collect()
    }
}

/// Does `work`, and looks every few milliseconds how much of a GPU's memory is in
/// use; the most of it is returned.
fn watching<T>(device: &Device, work: impl FnOnce() -> T) -> (T, Option<usize>) {
    const INTERVAL: Duration = Duration::from_millis(5);
    let in_use = || device::memory(device).map(|memory| memory.total - memory.free);
    if in_use().is_none() {
        return (work(), None);
    }
    thread::scope(|scope| {
        let (working, done) = mpsc::channel::<()>();
        let most = scope.spawn(move || {
            let mut most = in_use();
            while done.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                most = most.max(in_use());
            }
            most
        });
        let result = work();
        drop(working);
        (result, most.join().ok().flatten())
    })
}

/// CPU time of all threads of this process so far.
fn cpu_time() -> Option<Duration> {
    /// Linux counts in these on every machine (`man 5 proc`, `USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold spaces; utime is the 12th field behind.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11);
    let user: u32 = ticks.next()?.parse().ok()?;
    let system: u32 = ticks.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// A scorer that never ends a hypothesis, and that is timed.
struct ForcedLength<'a, S> {
    scorer: &'a S,
    steps: AtomicU64,
    nanoseconds: AtomicU64,
}

impl<'a, S> ForcedLength<'a, S> {
    fn new(scorer: &'a S) -> Self {
        Self {
            scorer,
            steps: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }
    }

    fn mean_step(&self) -> Duration {
        let steps = self.steps.load(Ordering::Relaxed).max(1);
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed) / steps)
    }
}

impl<S: Scorer> Scorer for ForcedLength<'_, S> {
    type State = S::State;

    const CONTINUOUS: bool = S::CONTINUOUS;

    fn start(&self, batch: &TokenBatch) -> Result<S::State> {
        self.scorer.start(batch)
    }

    fn admit(&self, state: &mut S::State, batch: &TokenBatch) -> Result<()> {
        self.scorer.admit(state, batch)
    }

    fn step(&self, state: &mut S::State, query: &StepQuery) -> Result<Step> {
        let begun = Instant::now();
        let mut banned = query.banned.to_vec();
        for tokens in &mut banned {
            tokens.push(self.boundaries().end);
        }
        let query = StepQuery {
            banned: &banned,
            ..*query
        };
        let step = self.scorer.step(state, &query);
        let taken = begun.elapsed().as_nanos() as u64;
        self.nanoseconds.fetch_add(taken, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
        step
    }

    fn reorder(&self, state: &mut S::State, rows: &[usize]) -> Result<()> {
        self.scorer.reorder(state, rows)
    }

    fn boundaries(&self) -> Boundaries {
        self.scorer.boundaries()
    }
}
