//! Files that were made to do harm: contradictions, and few bytes that stand
//! for much memory, time or depth.

mod headers;
mod pickles;

use dolmetsch::checkpoint::Checkpoint;

use crate::allocator::peak_of;

/// The worst is a pickle that only makes tuples and remembers them: a value of
/// 24 bytes for each of its bytes, in vectors that have just doubled.
const MULTIPLE: usize = 64;
const ALLOWANCE: usize = 64 * 1024;

/// The message of opening `file`, which must fail and cost little.
fn refusal(file: Vec<u8>) -> String {
    let file: &'static [u8] = file.leak();
    let (result, peak) = peak_of(|| Checkpoint::from_static("crafted", file));
    let limit = MULTIPLE * file.len() + ALLOWANCE;
    assert!(peak <= limit, "{peak} bytes for a file of {}", file.len());
    result.unwrap_err().to_string()
}

fn check(cases: &[(Vec<u8>, &str)]) {
    for (file, expected) in cases {
        let message = refusal(file.clone());
        assert!(message.contains(expected), "{message}, not {expected}");
    }
}
