//! The page: one file, no network, scripts pinned by hash.

mod blocks;
mod hash;
mod page;
mod points;
mod record;
mod sections;
mod thin;
mod trust;

pub use page::html;
