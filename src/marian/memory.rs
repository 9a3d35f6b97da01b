//! How many sentences fit the memory of a GPU.
//!
//! An estimate from the tensors of a search; where it is too high, the search goes
//! on with half of the sentences ([`crate::batch::SentenceQueue::put_back`]).

use super::config::Config;
use super::placement::FloatFormat;
use crate::batch::BatchLimits;

/// A GPU gains nothing from more hypotheses.
const MAX_ROWS: usize = 4096;

/// Bytes of each logit while the best tokens are found: two copies in the format of
/// the weights, four in f32.
const LOGIT_BYTES: usize = 2 * 4 + 4 * 4;

/// Target tokens of a source token, in the caches. The limit is 3, which few
/// sentences reach.
const TARGET_TOKENS: usize = 2;

/// What fits `free` bytes, with a quarter of them left to the libraries and to
/// fragmentation: half for what counts by hypothesis, half for what counts by
/// token.
pub(super) fn limits(
    config: &Config,
    floats: FloatFormat,
    beam_size: usize,
    free: usize,
) -> BatchLimits {
    let half = free / 8 * 3;
    let rows = half / (LOGIT_BYTES * config.target_vocab_size());
    BatchLimits {
        sentences: (rows.min(MAX_ROWS) / beam_size).max(1),
        tokens: (half / token_bytes(config, floats, beam_size)).max(1),
    }
}

/// Bytes of a source token and of what it becomes.
fn token_bytes(config: &Config, floats: FloatFormat, beam_size: usize) -> usize {
    let layer_cache = 2 * config.d_model; // keys and values
    // Of the source, by sentence and by row; twice by row while rows are dropped.
    let cross_attention = (1 + 2 * beam_size) * layer_cache;
    // By row; twice while a token is appended or beams trade places.
    let self_attention = 2 * TARGET_TOKENS * beam_size * layer_cache;
    let caches = config.decoder_layers * (cross_attention + self_attention);
    let activations = 8 * config.d_model + 2 * config.encoder_ffn_dim;
    // Scores of a token with all others of its sentence, in f32, and copies.
    let attention = 4 * config.encoder_attention_heads * config.max_position_embeddings;
    floats.bytes() * (caches + activations) + 4 * attention
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// opus-mt's shape.
    fn config() -> Config {
        let json = br#"{
            "vocab_size": 58101, "d_model": 512, "encoder_layers": 6, "decoder_layers": 6,
            "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 2048,
            "decoder_ffn_dim": 2048, "activation_function": "swish", "max_position_embeddings": 512,
            "scale_embedding": true, "pad_token_id": 58100, "eos_token_id": 0,
            "decoder_start_token_id": 58100, "model_type": "marian"
        }"#;
        Config::from_json(Path::new("config.json"), json).unwrap()
    }

    const GB: usize = 1_000_000_000;

    #[test]
    fn more_memory_and_fewer_beams_fit_more_and_something_always_fits() {
        let limits = |beam, free| limits(&config(), FloatFormat::F16, beam, free);
        for beam in [1, 4, 8] {
            let sizes = [0, GB / 1000, GB, 8 * GB, 80 * GB, 140 * GB];
            for pair in sizes.map(|free| limits(beam, free)).windows(2) {
                assert!(pair[0].tokens <= pair[1].tokens);
                assert!(pair[0].sentences <= pair[1].sentences);
                assert!(pair[0].tokens >= 1 && pair[0].sentences >= 1);
                assert!(pair[1].sentences * beam <= MAX_ROWS);
            }
        }
        assert!(limits(1, GB).tokens > limits(4, GB).tokens);
    }

    #[test]
    fn a_card_of_8_gb_has_room_for_hundreds_of_sentences_and_a_large_one_for_all_rows() {
        let limits = |free| limits(&config(), FloatFormat::F16, 4, free);
        // Logits of all rows: 3/8 of the memory at most.
        let small = limits(8 * GB);
        assert!(small.sentences * 4 * 58_101 * LOGIT_BYTES <= 3 * GB);
        assert!(small.sentences >= 256 && small.tokens >= 256 * 26);
        assert_eq!(limits(130 * GB).sentences, MAX_ROWS / 4);
    }
}
