//! One chart as SVG: lines over an axis, with a legend.

use std::fmt::Write;

use maud::{Markup, html};

use super::ticks;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 32.0;
/// Lines that the style tells apart.
const COLOURS: usize = 4;

/// What is drawn.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// Of the values.
    pub(super) unit: &'a str,
    pub(super) lines: Vec<Line<'a>>,
    /// Where the horizontal axis has a mark, and what it says; the first is its left end, the last its right.
    pub(super) marks: Vec<(f64, String)>,
}

/// A value at every place; places do not go backwards.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

impl Chart<'_> {
    pub(super) fn draw(&self) -> Markup {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let levels = ticks::round(values.fold(0.0, f64::max));
        let top = levels.last().copied().unwrap_or(1.0);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        html! {
            figure {
                figcaption {
                    (self.title) ", " (self.unit)
                    @if self.lines.len() > 1 {
                        @for (index, line) in self.lines.iter().enumerate() {
                            span class={ "key colour-" (index % COLOURS) } { (line.name) }
                        }
                    }
                }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.title) {
                    @for level in &levels { (Self::level(*level, y(*level))) }
                    @for (place, text) in &self.marks { (self.mark(*place, text)) }
                    @for (index, line) in self.lines.iter().enumerate() {
                        polyline class={ "colour-" (index % COLOURS) }
                            points=(self.path(&line.points, y)) {}
                    }
                }
            }
        }
    }

    fn level(level: f64, y: f64) -> Markup {
        let y = place(y);
        html! {
            line.grid x1=(place(LEFT)) x2=(place(WIDTH - RIGHT)) y1=(y) y2=(y) {}
            text.level x=(place(LEFT - 6.0)) y=(y) { (ticks::label(level)) }
        }
    }

    fn mark(&self, at: f64, words: &str) -> Markup {
        let (x, bottom) = (place(self.x(at)), place(HEIGHT - BOTTOM));
        html! {
            line.grid x1=(x) x2=(x) y1=(bottom) y2=(place(HEIGHT - BOTTOM + 4.0)) {}
            text.mark x=(x) y=(place(HEIGHT - BOTTOM + 18.0)) { (words) }
        }
    }

    fn path(&self, points: &[(f64, f64)], y: impl Fn(f64) -> f64) -> String {
        let mut path = String::new();
        for (at, value) in points {
            // Writing to a string does not fail.
            let _ = write!(path, "{},{} ", place(self.x(*at)), place(y(*value)));
        }
        path.trim_end().to_owned()
    }

    fn x(&self, at: f64) -> f64 {
        let left = self.marks.first().map_or(0.0, |(left, _)| *left);
        let right = self.marks.last().map_or(1.0, |(right, _)| *right);
        let span = if right > left { right - left } else { 1.0 };
        LEFT + (at - left) / span * (WIDTH - LEFT - RIGHT)
    }
}

/// A tenth of a pixel is enough.
fn place(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_the_lower_left_to_the_upper_right() {
        let chart = Chart {
            title: "logins",
            unit: "1/s",
            lines: vec![Line { name: "logins", points: vec![(0.0, 0.0), (10.0, 100.0)] }],
            marks: vec![(0.0, "0 s".to_owned()), (10.0, "10 s".to_owned())],
        };
        let drawn = chart.draw().into_string();
        assert!(drawn.contains("points=\"64.0,208.0 624.0,12.0\""), "{drawn}");
        assert!(drawn.contains("10 s") && drawn.contains(">100<"), "{drawn}");
    }
}
