//! A device, and how its kernels are launched.

use super::driver::{DeviceError, Driver};
use super::source::THREADS;
use std::sync::Arc;

/// Arguments of a kernel: a structure that C lays out alike.
///
/// # Safety
///
/// The type is `repr(C)`, without padding, and has the fields of the kernel's structure in their
/// order.
pub(super) unsafe trait Arguments: Copy {}

/// A device; a handle that may be copied.
#[derive(Clone, Debug)]
pub struct Device(Arc<dyn Driver>);

impl Device {
    /// The device of a driver.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self(driver)
    }

    /// The driver.
    pub fn driver(&self) -> &dyn Driver {
        self.0.as_ref()
    }

    /// Blocks that occupy the device, of work that is bound by arithmetic.
    pub(super) fn blocks(&self) -> usize {
        2 * self.0.processors()
    }

    /// Blocks that keep enough loads in flight, of work that is bound by memory.
    pub(super) fn loading_blocks(&self) -> usize {
        4 * self.0.processors()
    }

    /// Runs a kernel.
    ///
    /// # Safety
    ///
    /// As [`Driver::launch`].
    pub(super) unsafe fn launch<A: Arguments>(
        &self,
        kernel: &'static str,
        grid: [usize; 3],
        arguments: &A,
    ) -> Result<(), DeviceError> {
        if grid.contains(&0) {
            return Ok(());
        }
        let grid = grid.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let bytes = std::mem::size_of::<A>();
        // SAFETY: promised by the caller and by `Arguments`.
        unsafe {
            self.0
                .launch(kernel, grid, std::ptr::from_ref(arguments).cast(), bytes)
        }
    }
}

/// A number as kernels count: in 32 bits, with room for what they add before they compare.
///
/// # Panics
///
/// If it is too large.
pub(super) fn int(n: usize) -> i32 {
    const MARGIN: usize = 1 << 20;
    assert!(
        n < i32::MAX as usize - MARGIN,
        "{n} elements in one operation: use smaller batches"
    );
    n as i32
}

/// A grid with a thread for each of `n` elements.
pub(super) fn one_each(n: usize) -> [usize; 3] {
    int(n);
    [n.div_ceil(THREADS), 1, 1]
}

/// How `units` are cut where `tiles` blocks work on each part: (parts, units per part). Parts are
/// multiples of `grain` and at most `most`; as many as make `blocks` blocks of all.
pub(super) fn cut(
    units: usize,
    grain: usize,
    tiles: usize,
    blocks: usize,
    most: usize,
) -> (usize, usize) {
    let grains = units.div_ceil(grain).max(1);
    let wanted = blocks.div_ceil(tiles.max(1)).clamp(1, most.max(1));
    let per_part = grains.div_ceil(wanted.min(grains));
    (grains.div_ceil(per_part), per_part * grain)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn parts_cover_all_units() {
        for units in [0, 1, 63, 64, 65, 1000, 31_872] {
            for tiles in [0, 1, 7, 500] {
                for (blocks, most) in [(8, 256), (264, 16), (264, 0), (528, 256)] {
                    let (parts, per_part) = cut(units, 64, tiles, blocks, most);
                    assert!(parts >= 1 && parts <= most.max(1), "{parts} of {most}");
                    assert!(per_part.is_multiple_of(64) && parts * per_part >= units);
                    // None is empty.
                    assert!((parts - 1) * per_part < units.max(1));
                }
            }
        }
        // Few blocks with many rows are cut; many blocks are not.
        assert_eq!(cut(6400, 64, 1, 264, 256), (100, 64));
        assert_eq!(cut(6400, 64, 300, 264, 256), (1, 6400));
    }
}
