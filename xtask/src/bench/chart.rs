//! Draws line charts with logarithmic axes as SVG.
//!
//! Does not use a charting crate, because these have many dependencies, which every command of `xtask` would compile.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 78.0;
/// The right margin has the labels of the series.
const RIGHT: f64 = 196.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 48.0;
/// The minimum distance of two labels.
const LINE_HEIGHT: f64 = 16.0;

/// The colours of the series on a light and on a dark background, each distinguishable without red and green. The
/// picture has a background of its own, so that its text is legible on every page.
const STYLE: &str = "
text{font:13px system-ui,sans-serif;fill:#1f2328}.b{fill:#fff}.g{stroke:#d8dee4}.h{font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}
.l{fill:none;stroke-width:1.6}.l.s0{stroke-width:3}text.s0{font-weight:600}
.s0{--c:#0550ae}.s1{--c:#57606a}.s2{--c:#b35900}.s3{--c:#8250df}.s4{--c:#0a7561}.s5{--c:#a8326b}
.l{stroke:var(--c)}circle,text.n{fill:var(--c)}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#0d1117}.g{stroke:#30363d}
.s0{--c:#79c0ff}.s1{--c:#9da7b3}.s2{--c:#f0a050}.s3{--c:#d2a8ff}.s4{--c:#56d4b1}.s5{--c:#ff9bce}}
";

/// A chart. The first series is emphasised.
pub(crate) struct Chart<'c> {
    pub(crate) title: &'c str,
    pub(crate) x_title: &'c str,
    pub(crate) series: Vec<Series>,
    pub(crate) format_x: fn(f64) -> String,
    pub(crate) format_y: fn(f64) -> String,
}

/// A line with its label. A series without points is not drawn, but keeps its colour.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// The range of the rounds.
    pub(crate) range: (f64, f64),
}

/// A logarithmic axis from a value to a value, drawn from a position to a position.
struct Axis {
    values: (f64, f64),
    positions: (f64, f64),
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, positions: (f64, f64)) -> Self {
        let min = values.clone().fold(f64::INFINITY, f64::min);
        let max = values.fold(0.0, f64::max);
        // The axis extends a little beyond the values, and over a decade at least, so that small differences look
        // small.
        let missing = (10.0 * min / max).max(1.0).sqrt();
        Self { values: (min / missing / 1.2, max * missing * 1.2), positions }
    }

    fn position(&self, value: f64) -> f64 {
        let share = (value / self.values.0).log10() / (self.values.1 / self.values.0).log10();
        self.positions.0 + share * (self.positions.1 - self.positions.0)
    }

    /// Returns the powers of ten in range, and their doubles and halves if there are few.
    fn ticks(&self) -> Vec<f64> {
        // No figure of a benchmark is outside of these.
        let decades = -9..=12;
        let is_short = self.values.1 / self.values.0 < 300.0;
        let steps: &[f64] = if is_short { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let ticks = decades.flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        ticks.filter(|tick| (self.values.0..=self.values.1).contains(tick)).collect()
    }
}

impl Chart<'_> {
    /// Returns the picture, or `None` without points.
    pub(crate) fn to_svg(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        points().next()?;
        let x = Axis::new(points().map(|point| point.x), (LEFT, WIDTH - RIGHT));
        let heights = points().flat_map(|point| [point.range.0, point.y, point.range.1]);
        let y = Axis::new(heights, (HEIGHT - BOTTOM, TOP));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"b\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n",
            escape(self.title)
        );
        let text = |svg: &mut String, class: &str, x: f64, y: f64, text: &str| {
            let _ =
                writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
        };
        text(&mut svg, "h", 16.0, 25.0, self.title);
        text(&mut svg, "m", f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 12.0, self.x_title);
        for tick in x.ticks().into_iter().filter(|tick| points().any(|point| is_near(point.x, *tick))) {
            let at = x.position(tick);
            let _ = writeln!(svg, "<path class=\"g\" d=\"M{at:.1} {TOP}V{:.1}\"/>", HEIGHT - BOTTOM);
            text(&mut svg, "m", at, HEIGHT - BOTTOM + 18.0, &(self.format_x)(tick));
        }
        for tick in y.ticks() {
            let at = y.position(tick);
            let _ = writeln!(svg, "<path class=\"g\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", WIDTH - RIGHT);
            text(&mut svg, "e", LEFT - 8.0, at + 4.5, &(self.format_y)(tick));
        }
        // The emphasised series is drawn last, above the others.
        for (number, series) in
            self.series.iter().enumerate().rev().filter(|(_, series)| !series.points.is_empty())
        {
            draw_line(&mut svg, number, &series.points, &x, &y);
        }
        let ends = self.series.iter().map(|series| series.points.last().map(|point| y.position(point.y)));
        let labels = spread(&ends.collect::<Vec<_>>());
        for (number, (series, label)) in self.series.iter().zip(labels).enumerate() {
            if let (Some(end), Some(label)) = (series.points.last(), label) {
                let name = format!("{} {}", series.name, (self.format_y)(end.y));
                text(&mut svg, &format!("n s{number}"), x.position(end.x) + 10.0, label + 4.5, &name);
            }
        }
        Some(svg + "</svg>\n")
    }
}

/// Draws a series, with the range of the rounds at each point.
fn draw_line(svg: &mut String, number: usize, points: &[Point], x: &Axis, y: &Axis) {
    let path = |points: &[(f64, f64)]| {
        let points = points.iter().map(|(left, top)| format!("{left:.1} {top:.1}"));
        format!("M{}", points.collect::<Vec<_>>().join("L"))
    };
    let line: Vec<_> = points.iter().map(|point| (x.position(point.x), y.position(point.y))).collect();
    let _ = writeln!(svg, "<path class=\"l s{number}\" d=\"{}\"/>", path(&line));
    for (point, (left, top)) in points.iter().zip(line) {
        let range = path(&[(left, y.position(point.range.0)), (left, y.position(point.range.1))]);
        let _ = writeln!(
            svg,
            "<path class=\"l s{number}\" d=\"{range}\"/><circle class=\"s{number}\" cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"3.5\"/>"
        );
    }
}

/// Moves labels downwards until none overlaps, and all upwards if the last leaves the picture.
fn spread(labels: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<usize> = (0..labels.len()).filter(|number| labels[*number].is_some()).collect();
    order
        .sort_by(|one, other| labels[*one].partial_cmp(&labels[*other]).unwrap_or(std::cmp::Ordering::Equal));
    let mut moved = labels.to_vec();
    let mut free = 0.0_f64;
    for number in &order {
        let at = moved[*number].unwrap_or_default().max(free);
        moved[*number] = Some(at);
        free = at + LINE_HEIGHT;
    }
    let mut limit = HEIGHT - BOTTOM;
    for number in order.iter().rev() {
        let at = moved[*number].unwrap_or_default().min(limit);
        moved[*number] = Some(at);
        limit = at - LINE_HEIGHT;
    }
    moved
}

fn is_near(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() < 1e-6
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point { x, y, range: (y * 0.9, y * 1.1) }
    }

    fn chart(series: Vec<Series>) -> Option<String> {
        let (format_x, format_y) = (|x| format!("{x:.0}"), |y| format!("{y:.1} µs"));
        Chart { title: "a < b", x_title: "subscribers", series, format_x, format_y }.to_svg()
    }

    #[test]
    fn an_axis_is_logarithmic() {
        let axis = Axis { values: (1.0, 100.0), positions: (0.0, 10.0) };
        assert!((axis.position(10.0) - 5.0).abs() < 1e-9);
        assert_eq!(axis.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(Axis { values: (1.0, 1e4), positions: (0.0, 1.0) }.ticks().len(), 5);
    }

    #[test]
    fn labels_do_not_overlap_and_stay_in_the_picture() {
        let bottom = HEIGHT - BOTTOM;
        let moved = spread(&[Some(bottom), Some(bottom - 1.0), None, Some(50.0), Some(50.0)]);
        let mut known: Vec<f64> = moved.iter().flatten().copied().collect();
        known.sort_by(f64::total_cmp);
        assert_eq!((known.len(), moved[2]), (4, None));
        assert!(known.windows(2).all(|pair| pair[1] - pair[0] >= LINE_HEIGHT - 1e-9), "{known:?}");
        assert!(known[3] <= bottom);
    }

    #[test]
    fn a_chart_has_a_line_and_a_label_per_series() {
        let series = |name: &str, y| Series { name: name.into(), points: vec![point(1.0, y), point(1e3, y)] };
        let none = Series { name: "none".into(), points: Vec::new() };
        let svg = chart(vec![series("fanfare", 0.5), none, series("x & y", 5.0)]).unwrap();
        assert!(svg.contains(">fanfare 0.5 µs</text>") && svg.contains(">x &amp; y 5.0 µs</text>"));
        assert!(svg.contains("<title>a &lt; b</title>") && !svg.contains("NaN") && !svg.contains("none "));
        assert!(svg.contains("n s2") && !svg.contains("n s1"));
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(chart(Vec::new()).is_none());
    }
}
