//! Heights of the register tiles.

/// Runs `$tile` over all rows: full tiles of the height `$mr`, then one of exactly the remaining
/// height.
macro_rules! by_rows {
    ($total:expr, $mr:literal, [$($rest:literal),*], |$at:ident, $h:ident| $call:expr) => {{
        let mut $at = 0;
        while $at + $mr <= $total {
            { const $h: usize = $mr; $call }
            $at += $mr;
        }
        match $total - $at {
            $($rest => { const $h: usize = $rest; $call })*
            _ => {}
        }
    }};
}

/// Picks the tile height for the panel width `$p` of the token `$s`: sixteen lanes with 32
/// registers, or fewer with 16.
macro_rules! by_panel {
    ($s:ident: $S:ident, $p:expr, $total:expr, |$at:ident, $h:ident, $w:ident| $call:expr) => {
        if $S::LANES == 16 {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!(
                        $total,
                        14,
                        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
                        |$at, $h| $call
                    )
                }
                2 => {
                    const $w: usize = 2;
                    by_rows!(
                        $total,
                        12,
                        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                        |$at, $h| $call
                    )
                }
                3 => {
                    const $w: usize = 3;
                    by_rows!($total, 8, [1, 2, 3, 4, 5, 6, 7], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 4;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
            }
        } else if $S::LANES == 8 {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!($total, 10, [1, 2, 3, 4, 5, 6, 7, 8, 9], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 2;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
            }
        } else {
            match $p {
                1 => {
                    const $w: usize = 1;
                    by_rows!($total, 6, [1, 2, 3, 4, 5], |$at, $h| $call)
                }
                _ => {
                    const $w: usize = 2;
                    by_rows!($total, 4, [1, 2, 3], |$at, $h| $call)
                }
            }
        }
    };
}
pub(super) use {by_panel, by_rows};
