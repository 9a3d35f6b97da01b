//! Charts as SVG, with their figures in text for who cannot see them.

use std::fmt::Write;

use crate::comparison::{LengthBucket, Scores};
use crate::writer::html_text as text;

/// Width and height of a chart's plot, and the margins around it.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 34.0;
const TOP: f64 = 8.0;

/// Steps of 5 points of chrF.
const BINS: usize = 20;

/// The scores of a metric with their intervals; none without intervals.
pub(super) fn intervals(title: &str, systems: &[String], scores: &Scores) -> Option<String> {
    let intervals: Vec<(f64, f64, f64)> = scores
        .systems
        .iter()
        .map(|score| {
            let interval = score.interval?;
            let (mean, half) = (interval.mean, interval.half_width);
            Some((mean - half, score.value, mean + half))
        })
        .collect::<Option<_>>()?;
    let low = intervals
        .iter()
        .map(|&(low, ..)| low)
        .fold(f64::INFINITY, f64::min);
    let high = intervals
        .iter()
        .map(|&(.., high)| high)
        .fold(f64::NEG_INFINITY, f64::max);
    let margin = (high - low).max(1.0) * 0.1;
    let (low, high) = (low - margin, high + margin);
    let x = |value: f64| LEFT + (value - low) / (high - low) * WIDTH;
    let height = 24.0 * systems.len() as f64;
    let mut svg = String::new();
    for (row, (system, &(from, value, to))) in systems.iter().zip(&intervals).enumerate() {
        let y = TOP + 24.0 * row as f64 + 16.0;
        let class = row % 6;
        let name = text(system);
        let _ = write!(
            svg,
            "<g class=\"series s{class}\"><title>{name}: {value:.1}, {from:.1} to {to:.1}</title>\
             <text x=\"{LEFT}\" y=\"{:.1}\">{name}</text>\
             <path d=\"M{:.1} {y:.1}H{:.1}\" stroke-width=\"3\"/>\
             <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>",
            y - 6.0,
            x(from),
            x(to),
            x(value)
        );
    }
    let ticks = (0..=4).map(|tick| low + (high - low) * f64::from(tick) / 4.0);
    for value in ticks {
        let at = x(value);
        let bottom = TOP + height;
        let _ = write!(
            svg,
            "<path class=grid d=\"M{at:.1} {TOP}V{bottom:.1}\"/>\
             <text class=tick x=\"{at:.1}\" y=\"{:.1}\">{value:.1}</text>",
            bottom + 14.0
        );
    }
    Some(figure(
        &format!("{title}, 95% confidence intervals"),
        height + BOTTOM,
        &svg,
    ))
}

/// How many segments of each system have which chrF.
pub(super) fn distribution(systems: &[String], scores: &[Vec<f64>]) -> String {
    let bins: Vec<[usize; BINS]> = scores
        .iter()
        .map(|scores| {
            let mut bins = [0; BINS];
            for score in scores {
                let bin = (score / 100.0 * BINS as f64) as usize;
                bins[bin.min(BINS - 1)] += 1;
            }
            bins
        })
        .collect();
    let most = bins.iter().flatten().copied().max().unwrap_or(0).max(1);
    let x = |bin: usize| LEFT + (bin as f64 + 0.5) / BINS as f64 * WIDTH;
    let lines: Vec<Vec<(f64, f64)>> = bins
        .iter()
        .map(|bins| {
            let counts = bins.iter().enumerate();
            counts.map(|(bin, &count)| (x(bin), count as f64)).collect()
        })
        .collect();
    let ticks: Vec<(f64, String)> = (0..=4)
        .map(|tick| {
            (
                LEFT + f64::from(tick) / 4.0 * WIDTH,
                (25 * tick).to_string(),
            )
        })
        .collect();
    line_chart("Segments by chrF", systems, &lines, most as f64, &ticks)
}

/// The score of each system by sentence length.
pub(super) fn lengths(metric: &str, systems: &[String], buckets: &[LengthBucket]) -> String {
    let x = |bucket: usize| LEFT + (bucket as f64 + 0.5) / buckets.len() as f64 * WIDTH;
    let lines: Vec<Vec<(f64, f64)>> = (0..systems.len())
        .map(|system| {
            let scores = buckets.iter().enumerate();
            scores
                .map(|(bucket, of)| (x(bucket), of.scores[system]))
                .collect()
        })
        .collect();
    let most = lines.iter().flatten().map(|&(_, y)| y).fold(1.0, f64::max);
    let ticks: Vec<(f64, String)> = buckets
        .iter()
        .enumerate()
        .map(|(index, bucket)| (x(index), bucket.label()))
        .collect();
    let title = format!("{metric} by words of the reference");
    line_chart(&title, systems, &lines, most, &ticks)
}

/// A line for each system; `lines` are `(x, value)`, values from 0 to `most`.
fn line_chart(
    title: &str,
    systems: &[String],
    lines: &[Vec<(f64, f64)>],
    most: f64,
    ticks: &[(f64, String)],
) -> String {
    let y = |value: f64| TOP + HEIGHT * (1.0 - value / most);
    let mut svg = String::new();
    for tick in 0..=4 {
        let value = most * f64::from(tick) / 4.0;
        let at = y(value);
        let _ = write!(
            svg,
            "<path class=grid d=\"M{LEFT} {at:.1}H{}\"/>\
             <text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{value:.0}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for (at, label) in ticks {
        let _ = write!(
            svg,
            "<text class=tick x=\"{at:.1}\" y=\"{}\">{label}</text>",
            TOP + HEIGHT + 16.0
        );
    }
    for (index, (system, line)) in systems.iter().zip(lines).enumerate() {
        let name = text(system);
        let points: Vec<String> = line
            .iter()
            .map(|&(x, value)| format!("{x:.1},{:.1}", y(value)))
            .collect();
        let _ = write!(
            svg,
            "<g class=\"series s{}\"><title>{name}</title>\
             <polyline points=\"{}\" fill=\"none\" stroke-width=\"2\"/>",
            index % 6,
            points.join(" ")
        );
        for &(x, value) in line {
            let at = y(value);
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{at:.1}\" r=\"3\"><title>{name}: {value:.1}</title></circle>"
            );
        }
        svg.push_str("</g>");
    }
    let mut chart = figure(title, TOP + HEIGHT + BOTTOM, &svg);
    // The legend stands in the figure, below the chart.
    let legend: Vec<String> = systems
        .iter()
        .enumerate()
        .map(|(index, system)| format!("<li class=s{}>{}", index % 6, text(system)))
        .collect();
    let end = chart.len() - "</figure>".len();
    chart.insert_str(end, &format!("<ul class=legend>{}</ul>", legend.join("")));
    chart
}

fn figure(title: &str, height: f64, svg: &str) -> String {
    let (title, width) = (text(title), LEFT + WIDTH + 16.0);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=img aria-label=\"{}\">{svg}</svg></figure>",
        title.replace('"', "&quot;")
    )
}
