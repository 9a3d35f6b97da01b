//! Sentence alignment of a book: `cargo bench --bench align`.

use dolmetsch::alignment::{SourceSentence, align_sentences};
use dolmetsch::{Language, LanguagePair};

fn main() {
    divan::main();
}

/// Sentences of made words, the frequent ones as frequent as Zipf's law has them;
/// the target has other words for a third of them, some sentences joined, and some
/// left out.
fn book(sentences: u64) -> (Vec<String>, Vec<String>) {
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut source, mut target) = (Vec::new(), Vec::<String>::new());
    for _ in 0..sentences {
        let words: Vec<u64> = (0..8 + random(25))
            .map(|_| 20_000 / (1 + random(20_000)))
            .collect();
        let text = |words: &[u64]| -> String {
            let words = words
                .iter()
                .map(|word| format!("{:x}", word * 2_654_435_761));
            words.collect::<Vec<_>>().join(" ")
        };
        source.push(text(&words));
        let changed = words.iter().map(|&word| match random(3) {
            0 => random(20_000),
            _ => word,
        });
        let changed = text(&changed.collect::<Vec<_>>());
        match (random(20), target.last_mut()) {
            (0, _) => {}
            (1 | 2, Some(last)) => {
                last.push(' ');
                last.push_str(&changed);
            }
            _ => target.push(changed),
        }
    }
    (source, target)
}

#[divan::bench(args = [1_000, 10_000])]
fn sentences(bencher: divan::Bencher, count: u64) {
    let (source, target) = book(count);
    // The source is taken as its own translation.
    let sentence = |text| SourceSentence {
        text,
        translation: text,
    };
    let source: Vec<SourceSentence> = source.iter().map(|text| sentence(text)).collect();
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    let languages = LanguagePair::new(Language::DE, Language::EN);
    bencher.bench_local(|| align_sentences(&source, &target, languages));
}
