//! Which sentences need a look.

use dolmetsch::translation::Finding;

/// More numbers than these are not listed.
const LISTED: usize = 20;

/// What was seen of one text.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    seen: usize,
    /// How many sentences need a look.
    flagged: usize,
    /// The first of these, from 1.
    listed: Vec<usize>,
}

impl Summary {
    /// Counts one more sentence.
    pub(crate) fn add(&mut self, findings: &[Finding]) {
        self.seen += 1;
        if findings.iter().any(|finding| finding.flag.is_problem()) {
            self.flagged += 1;
            if self.listed.len() < LISTED {
                self.listed.push(self.seen);
            }
        }
    }

    /// `3 of 41 sentences need a look: 7, 12, 30`; `None` if no sentence does.
    pub(crate) fn text(&self) -> Option<String> {
        let Self {
            seen,
            flagged,
            listed,
        } = self;
        let numbers: Vec<String> = listed.iter().map(usize::to_string).collect();
        let more = if *flagged > LISTED { ", …" } else { "" };
        let (sentences, need) = match (seen, flagged) {
            (_, 0) => return None,
            (1, _) => ("sentence", "needs"),
            (_, 1) => ("sentences", "needs"),
            _ => ("sentences", "need"),
        };
        Some(format!(
            "{flagged} of {seen} {sentences} {need} a look: {}{more}",
            numbers.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use dolmetsch::translation::Flag;

    use super::*;

    #[test]
    fn flagged_sentences_are_numbered_from_one() {
        let mut summary = Summary::default();
        assert_eq!(summary.text(), None);
        for flag in [None, Some(Flag::Number), Some(Flag::Split), Some(Flag::End)] {
            let findings: Vec<Finding> = flag.map(Finding::from).into_iter().collect();
            summary.add(&findings);
        }
        let text = summary.text().expect("two are flagged");
        assert_eq!(text, "2 of 4 sentences need a look: 2, 4");
    }
}
