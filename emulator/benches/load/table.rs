//! Tables in Markdown.

use std::time::Duration;

pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&[&str]]) -> Self {
        let columns = columns.concat().into_iter().map(str::to_owned).collect();
        Self { title: title.to_owned(), rows: vec![columns] }
    }

    pub(crate) fn row(&mut self, cells: &[&[String]]) {
        self.rows.push(cells.concat());
    }

    pub(crate) fn print(&self) {
        println!("\n{}\n", self.title);
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> =
                cells.map(|(cell, &width)| format!("{cell:>width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if number == 0 {
                let line = widths.iter().map(|width| format!("{}:", "-".repeat(width + 1)));
                println!("|{}|", line.collect::<Vec<_>>().join("|"));
            }
        }
    }
}

/// Returns a time in microseconds.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

/// Returns the number of repetitions in a second.
pub(crate) fn per_second(time: Duration) -> String {
    format!("{:.0}", 1.0 / time.as_secs_f64())
}

/// Returns the KiB of each item.
pub(crate) fn each(bytes: u64, count: usize) -> String {
    format!("{:.0}", bytes as f64 / 1024.0 / count as f64)
}

/// Returns the ratio of two times.
pub(crate) fn times(time: Duration, first: Duration) -> String {
    format!("×{:.2}", time.as_secs_f64() / first.as_secs_f64())
}
