//! The live view of a sale in the terminal: how far it is, what is left of each listing, what becomes of the orders.

use std::collections::VecDeque;
use std::io::Write;
use std::time::{Duration, Instant};

use order_demo::{Board, Phase, Snapshot};
use order_model::OrderEventKind;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use crate::notes::warning;

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Rates are over this many frames.
const RATE_FRAMES: usize = 10;
/// Lines of the view around the listings.
const FRAME_LINES: u16 = 8;
/// Most listings shown.
const LISTINGS_SHOWN_MAX: u16 = 21;
/// Cells of a stock bar.
const BAR_CELLS: u64 = 30;

/// Draws the board on standard error until `done`; `shop` is where people find it.
pub fn watch(board: &Board, orders: u64, shop: Option<&str>, done: impl Fn() -> bool) {
    if let Err(error) = draw_until(board, orders, shop, done) {
        // The sale goes on; only the view is gone.
        warning(format!("no live view: {error}"));
    }
}

fn draw_until(
    board: &Board,
    orders: u64,
    shop: Option<&str>,
    done: impl Fn() -> bool,
) -> std::io::Result<()> {
    let viewport = Viewport::Inline(LISTINGS_SHOWN_MAX + FRAME_LINES);
    let backend = CrosstermBackend::new(std::io::stderr());
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
    let mut history = VecDeque::new();
    loop {
        let is_done = done();
        let now = board.snapshot();
        history.push_back((Instant::now(), now.decided()));
        if history.len() > RATE_FRAMES {
            history.pop_front();
        }
        let rate = rate(&history);
        terminal.draw(|frame| draw(frame, &now, orders, rate, shop))?;
        if is_done {
            // What is printed next belongs below the view.
            let below = terminal.get_frame().area().bottom().saturating_sub(1);
            terminal.set_cursor_position((0, below))?;
            terminal.show_cursor()?;
            return std::io::stderr().write_all(b"\n");
        }
        std::thread::sleep(FRAME);
    }
}

fn rate(history: &VecDeque<(Instant, u64)>) -> u64 {
    let (Some(first), Some(last)) = (history.front(), history.back()) else { return 0 };
    let millis = u64::try_from((last.0 - first.0).as_millis()).unwrap_or(u64::MAX).max(1);
    last.1.saturating_sub(first.1).saturating_mul(1_000) / millis
}

fn draw(frame: &mut Frame<'_>, now: &Snapshot, orders: u64, rate: u64, shop: Option<&str>) {
    let areas = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(LISTINGS_SHOWN_MAX + 1),
        Constraint::Length(4),
    ]);
    let [progress, stock, counts] = areas.areas(frame.area());
    draw_progress(frame, progress, now, orders, rate);
    draw_stock(frame, stock, now);
    draw_counts(frame, counts, now, shop);
}

fn draw_progress(frame: &mut Frame<'_>, area: Rect, now: &Snapshot, orders: u64, rate: u64) {
    let phase = match now.phase {
        Phase::Opening => "opening the listings",
        Phase::Selling => "selling",
        Phase::Settling => "settling: holds are paid or expire",
        Phase::Closing => "closing: who waits is turned away",
        Phase::Proving => "proving: replay and audit",
    };
    let (done, all) = match now.phase {
        Phase::Proving => (now.replayed, now.decided()),
        _ => (now.placed, orders),
    };
    let per_mille = u16::try_from(done.saturating_mul(1_000) / all.max(1)).unwrap_or(1_000).min(1_000);
    let title = vec![" Doorbuster ".bold(), Span::from(phase)];
    let gauge = Gauge::default()
        .block(Block::new().title(Line::from(title)))
        .gauge_style(Style::new().fg(Color::Cyan))
        .ratio(f64::from(per_mille) / 1_000.0)
        .label(format!("{done} of {all}  |  {rate} records/s decided"));
    frame.render_widget(gauge, area);
}

fn draw_stock(frame: &mut Frame<'_>, area: Rect, now: &Snapshot) {
    let mut lines = vec![
        Line::from(format!(
            "{:<20} {:<30} {:>9} {:>9} {:>9} {:>9}",
            "listing", "sold, held, free", "free", "held", "sold", "waiting"
        ))
        .bold(),
    ];
    for (sku, listing) in now.listings.iter().take(LISTINGS_SHOWN_MAX.into()) {
        let stock = listing.stock;
        let all = u64::from(stock.free) + u64::from(stock.held) + u64::from(stock.sold);
        let cells =
            |units: u32| u64::from(units).saturating_mul(BAR_CELLS).div_ceil(all.max(1)).min(BAR_CELLS);
        let sold = cells(stock.sold);
        let held = cells(stock.held).min(BAR_CELLS - sold);
        let free = BAR_CELLS - sold - held;
        let bar = |cells: u64, with: &str| with.repeat(usize::try_from(cells).unwrap_or_default());
        lines.push(Line::from(vec![
            Span::from(format!("{sku:<20} ")).style(if listing.is_closed {
                Style::new().dim()
            } else {
                Style::new()
            }),
            Span::from(bar(sold, "█")).green(),
            Span::from(bar(held, "▒")).yellow(),
            Span::from(bar(free, "·")).dim(),
            Span::from(format!(
                " {:>9} {:>9} {:>9} {:>9}",
                stock.free, stock.held, stock.sold, stock.waiting
            )),
        ]));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_counts(frame: &mut Frame<'_>, area: Rect, now: &Snapshot, shop: Option<&str>) {
    use OrderEventKind::{Cancelled, Declined, Expired, Held, Paid, Refund, Rejected, TurnedAway, Waiting};
    let count = |kind: OrderEventKind| format!("{} {}   ", now.count(kind), kind.name().replace('_', " "));
    let line =
        |kinds: &[OrderEventKind]| Line::from(kinds.iter().map(|kind| count(*kind)).collect::<String>());
    let lines = vec![
        Line::from(""),
        line(&[Held, Paid, Waiting, Rejected, TurnedAway]),
        line(&[Cancelled, Declined, Expired, Refund]),
        Line::from(shop.unwrap_or_default()).bold(),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}
