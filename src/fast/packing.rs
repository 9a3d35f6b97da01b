//! Fills a block of weights from a checkpoint.

use candle_core::{DType, Device, Tensor};

use super::attention::Heads;
use super::network::{Embedding, FeedForward, Linear, Network, Norm, SelfAttention};
use super::packed::{Block, Section};
use super::precision::{Precision, Stored, lanes};
use super::simd::portable::Portable;
use super::simd::{LANES, Lanes};
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::marian::{Config, Embeddings, positions};

/// Packs a model; says where everything lies in the block, and whether source
/// and target share their embeddings.
///
/// # Errors
///
/// [`Error::Checkpoint`](crate::Error::Checkpoint) when a tensor is missing, has
/// another shape, or holds what is not a number.
pub(crate) fn pack<P: Precision>(
    checkpoint: &Checkpoint,
    config: &Config,
) -> Result<(Network<P>, Block, bool)> {
    let embeddings = Embeddings::load(checkpoint, config, &Device::Cpu)?;
    let shared = embeddings.target.id() == embeddings.source.id();
    check_sizes(checkpoint, config)?;
    let network = Network::<P>::new(config, shared);
    let mut packer = Packer {
        checkpoint,
        config,
        block: Block::new(network.bytes),
    };
    packer.embedding("model.encoder", &network.source, &embeddings.source)?;
    packer.embedding("model.decoder", &network.target, &embeddings.target)?;
    packer.output(&network.output, &embeddings.output)?;
    drop(embeddings);
    for (index, layer) in network.encoder.iter().enumerate() {
        let prefix = format!("model.encoder.layers.{index}");
        packer.self_attention(&prefix, &layer.attention, network.encoder_heads)?;
        packer.feed_forward(&prefix, &layer.feed_forward, config.encoder_ffn_dim)?;
    }
    for (index, layer) in network.decoder.iter().enumerate() {
        let (prefix, heads) = (
            format!("model.decoder.layers.{index}"),
            network.decoder_heads,
        );
        packer.self_attention(&prefix, &layer.attention, heads)?;
        let cross = format!("{prefix}.encoder_attn");
        packer.projections(
            &cross,
            &[("q_proj", heads.scale())],
            &layer.cross.query,
            heads,
        )?;
        let source = [("k_proj", 1.0), ("v_proj", 1.0)];
        packer.projections(&cross, &source, &layer.cross.source, heads)?;
        packer.merged(&format!("{cross}.out_proj"), &layer.cross.out, heads)?;
        packer.norm(
            &format!("{prefix}.encoder_attn_layer_norm"),
            &layer.cross.norm,
        )?;
        packer.feed_forward(&prefix, &layer.feed_forward, config.decoder_ffn_dim)?;
    }
    Ok((network, packer.block, shared))
}

/// Refuses a configuration whose layers the checkpoint does not have, before
/// memory is taken for them.
fn check_sizes(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    for (stack, layers, inner) in [
        ("encoder", config.encoder_layers, config.encoder_ffn_dim),
        ("decoder", config.decoder_layers, config.decoder_ffn_dim),
    ] {
        for layer in 0..layers {
            let name = format!("model.{stack}.layers.{layer}.fc1.weight");
            checkpoint.expect(&name, &[inner, config.d_model])?;
        }
    }
    Ok(())
}

impl Heads {
    /// What scores are multiplied by; it goes into the query's weights.
    fn scale(self) -> f32 {
        (self.width as f64).powf(-0.5) as f32
    }

    /// Where a number of the joined heads stands when each is padded.
    fn place(self, index: usize) -> usize {
        index / self.width * self.lanes_of_one() * LANES + index % self.width
    }

    /// Numbers without heads.
    const fn none(width: usize) -> Self {
        Self { count: 1, width }
    }
}

struct Packer<'a> {
    checkpoint: &'a Checkpoint,
    config: &'a Config,
    block: Block,
}

impl Packer<'_> {
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self
            .checkpoint
            .tensor(name, shape, DType::F32, &Device::Cpu)?;
        let numbers: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        if numbers.iter().all(|number| number.is_finite()) {
            Ok(numbers)
        } else {
            Err(self.checkpoint.fault(name, "holds what is not a number"))
        }
    }

    fn embedding<P: Precision>(
        &mut self,
        prefix: &str,
        embedding: &Embedding<P>,
        tokens: &Tensor,
    ) -> Result<()> {
        let width = self.config.d_model;
        let tokens: Vec<f32> = tokens.flatten_all()?.to_vec1()?; // [vocab, d_model]
        let rows = self.block.section(&embedding.tokens);
        for (row, numbers) in rows
            .chunks_exact_mut(lanes(width))
            .zip(tokens.chunks_exact(width))
        {
            for (stored, numbers) in row.iter_mut().zip(padded(numbers)) {
                P::Stored::store(Portable, numbers, stored);
            }
        }
        let positions = positions(self.checkpoint, prefix, self.config, &Device::Cpu)?;
        let positions: Vec<f32> = positions.flatten_all()?.to_vec1()?; // [positions, d_model]
        let rows = self.block.section(&embedding.positions);
        for (row, numbers) in rows
            .chunks_exact_mut(lanes(width))
            .zip(positions.chunks_exact(width))
        {
            row.iter_mut()
                .zip(padded(numbers))
                .for_each(|(stored, numbers)| *stored = numbers);
        }
        Ok(())
    }

    fn output<P: Precision>(&mut self, linear: &Linear<P>, weight: &Tensor) -> Result<()> {
        let outputs = self.config.target_vocab_size();
        let weight: Vec<f32> = weight.flatten_all()?.to_vec1()?; // [vocab, d_model]
        let bias = if self.checkpoint.contains("final_logits_bias") {
            self.numbers("final_logits_bias", &[1, outputs])?
        } else {
            vec![0.0; outputs]
        };
        let input = Heads::none(self.config.d_model);
        self.columns(linear, &weight, &bias, input, |output| output);
        // What is padded must never be the best.
        let columns: &mut [f32] = bytemuck::cast_slice_mut(self.block.section(&linear.bias));
        columns[outputs..].fill(f32::NEG_INFINITY);
        Ok(())
    }

    fn self_attention<P: Precision>(
        &mut self,
        prefix: &str,
        attention: &SelfAttention<P>,
        heads: Heads,
    ) -> Result<()> {
        let name = format!("{prefix}.self_attn");
        let parts = [("q_proj", heads.scale()), ("k_proj", 1.0), ("v_proj", 1.0)];
        self.projections(&name, &parts, &attention.qkv, heads)?;
        self.merged(&format!("{name}.out_proj"), &attention.out, heads)?;
        self.norm(&format!("{name}_layer_norm"), &attention.norm)
    }

    /// Projections into heads, side by side; each is multiplied by its number.
    fn projections<P: Precision>(
        &mut self,
        prefix: &str,
        parts: &[(&str, f32)],
        linear: &Linear<P>,
        heads: Heads,
    ) -> Result<()> {
        let width = self.config.d_model;
        for (part, (name, scale)) in parts.iter().enumerate() {
            let scaled = |mut numbers: Vec<f32>| {
                for number in &mut numbers {
                    *number *= scale;
                }
                numbers
            };
            let weight = scaled(self.numbers(&format!("{prefix}.{name}.weight"), &[width, width])?);
            let bias = scaled(self.numbers(&format!("{prefix}.{name}.bias"), &[width])?);
            let first = part * heads.lanes() * LANES;
            let place = |output| first + heads.place(output);
            self.columns(linear, &weight, &bias, Heads::none(width), place);
        }
        Ok(())
    }

    /// The projection from joined heads.
    fn merged<P: Precision>(&mut self, name: &str, linear: &Linear<P>, heads: Heads) -> Result<()> {
        let width = self.config.d_model;
        let weight = self.numbers(&format!("{name}.weight"), &[width, width])?;
        let bias = self.numbers(&format!("{name}.bias"), &[width])?;
        self.columns(linear, &weight, &bias, heads, |output| output);
        Ok(())
    }

    fn feed_forward<P: Precision>(
        &mut self,
        prefix: &str,
        block: &FeedForward<P>,
        inner: usize,
    ) -> Result<()> {
        let width = self.config.d_model;
        for (name, linear, outputs, inputs) in [
            ("fc1", &block.inner, inner, width),
            ("fc2", &block.outer, width, inner),
        ] {
            let weight = self.numbers(&format!("{prefix}.{name}.weight"), &[outputs, inputs])?;
            let bias = self.numbers(&format!("{prefix}.{name}.bias"), &[outputs])?;
            self.columns(linear, &weight, &bias, Heads::none(inputs), |output| output);
        }
        self.norm(&format!("{prefix}.final_layer_norm"), &block.norm)
    }

    fn norm(&mut self, name: &str, norm: &Norm) -> Result<()> {
        let width = self.config.d_model;
        let sections: [(&str, &Section<Lanes>); 2] =
            [("weight", &norm.gamma), ("bias", &norm.beta)];
        for (part, section) in sections {
            let numbers = self.numbers(&format!("{name}.{part}"), &[width])?;
            let stored = self.block.section(section);
            stored
                .iter_mut()
                .zip(padded(&numbers))
                .for_each(|(stored, numbers)| *stored = numbers);
        }
        Ok(())
    }

    /// Writes `weight` (`[outputs, inputs]`) and its bias to the columns that
    /// `place` says.
    fn columns<P: Precision>(
        &mut self,
        linear: &Linear<P>,
        weight: &[f32],
        bias: &[f32],
        input: Heads,
        place: impl Fn(usize) -> usize,
    ) {
        let inputs = input.count * input.width;
        let depth = linear.depth;
        let mut column = vec![0.0; depth * P::GROUP];
        for (output, &bias) in bias.iter().enumerate() {
            for (index, &number) in weight[output * inputs..][..inputs].iter().enumerate() {
                column[input.place(index)] = number;
            }
            let (panel, lane) = (place(output) / LANES, place(output) % LANES);
            let lines = &mut self.block.section(&linear.lines)[panel * depth..][..depth];
            let (scale, sum) = P::write_column(&column, lines, lane);
            self.block.section(&linear.bias)[panel].0[lane] = bias;
            self.block.section(&linear.scale)[panel].0[lane] = scale;
            self.block.section(&linear.sums)[panel].0[lane] = sum;
        }
    }
}

/// Numbers in vectors, the last padded with zeros.
fn padded(numbers: &[f32]) -> impl Iterator<Item = Lanes> {
    numbers.chunks(LANES).map(|numbers| {
        let mut lanes = Lanes::ZERO;
        lanes.0[..numbers.len()].copy_from_slice(numbers);
        lanes
    })
}
