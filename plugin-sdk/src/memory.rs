//! Memory for a short life.
//!
//! An instance lives for one batch: the host writes some thousand small texts into it, the rule looks at them, and the whole
//! memory is dropped. So small blocks are cut off the end of a chunk one after the other, and one that is given back is kept in a list of
//! its size and given out again first. Blocks are never joined.
//!
//! The bound: a size never has more blocks than were once in use together. So the memory that is taken is at most the sum, over
//! all sizes, of the most that was ever in use of that size; rounding adds less than 16 bytes to a block of up to 256 bytes, and less than
//! its own length to a larger one. Blocks above 32 KiB are left to Rust's own allocator, which joins them, so a vector that grows leaves
//! no trail. The host's limit (`memory_bytes_max`) holds in any case.

#![expect(unsafe_code, reason = "an allocator deals in bare memory")]
#![expect(clippy::cast_ptr_alignment, reason = "every block is aligned to `GRAIN`, which is more than a pointer needs")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Larger blocks are left to Rust's own allocator.
const LARGE: usize = 32 << 10;
/// How much is fetched from it at a time for the small ones.
const CHUNK: usize = 64 << 10;
/// The smallest size, and what all small blocks are aligned to.
const GRAIN: usize = 16;
/// Up to here there is a size every [`GRAIN`] bytes, then one for each power of two.
const FINE: usize = 256;
const FINE_SIZES: usize = FINE / GRAIN;
const SIZES: usize = FINE_SIZES + (LARGE / FINE).trailing_zeros() as usize;

/// The allocator. It must not be shared by threads.
#[derive(Debug)]
pub struct Memory(UnsafeCell<Blocks>);

#[derive(Debug)]
struct Blocks {
    /// Where the chunk's free part begins and ends.
    begin: *mut u8,
    end: *mut u8,
    /// For each size the block that was given back last; its first bytes hold the one before.
    free: [*mut u8; SIZES],
}

// SAFETY: the contract's worlds are called by one thread, and `wasm32-unknown-unknown` has no other.
unsafe impl Sync for Memory {}

impl Memory {
    /// An allocator without any memory yet.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Blocks { begin: ptr::null_mut(), end: ptr::null_mut(), free: [ptr::null_mut(); SIZES] }))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of a size and its bytes; `None` for what is left to Rust's own allocator.
fn size_of(layout: Layout) -> Option<(usize, usize)> {
    let bytes = layout.size();
    if bytes > LARGE || layout.align() > GRAIN {
        None
    } else if bytes <= FINE {
        let number = bytes.saturating_sub(1) / GRAIN;
        Some((number, (number + 1) * GRAIN))
    } else {
        let power = bytes.next_power_of_two();
        Some((FINE_SIZES + (power / FINE).trailing_zeros() as usize - 1, power))
    }
}

// SAFETY: a block comes off the list of its size or off the chunk, so no two in use overlap; it has at least the layout's bytes and
// alignment, since chunks begin at a multiple of `GRAIN` and all sizes are multiples of it. It goes back to the list that its layout names.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((number, bytes)) = size_of(layout) else {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: there is one thread, and nothing below calls back. A block on a list is free and has room for a pointer.
        unsafe {
            let blocks = &mut *self.0.get();
            let first = blocks.free[number];
            if !first.is_null() {
                blocks.free[number] = first.cast::<*mut u8>().read();
                return first;
            }
            if blocks.end.addr() - blocks.begin.addr() < bytes {
                // What is left of the old chunk is less than this block, and is given up.
                let chunk = System.alloc(Layout::from_size_align_unchecked(CHUNK, GRAIN));
                if chunk.is_null() {
                    return chunk;
                }
                (blocks.begin, blocks.end) = (chunk, chunk.add(CHUNK));
            }
            let block = blocks.begin;
            blocks.begin = block.add(bytes);
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((number, _)) = size_of(layout) else {
            // SAFETY: the caller's promise is passed on; a block of this layout came from there.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: there is one thread; the block is the caller's no more, and has room for a pointer.
        unsafe {
            let blocks = &mut *self.0.get();
            block.cast::<*mut u8>().write(blocks.free[number]);
            blocks.free[number] = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises that `bytes` is a size for this alignment; the copy is within both blocks.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(bytes, layout.align());
            match (size_of(layout), size_of(wanted)) {
                (None, None) => return System.realloc(block, layout, bytes),
                (Some(old), Some(new)) if old == new => return block,
                _ => {}
            }
            let new = self.alloc(wanted);
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(bytes));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 8).expect("a small layout")
    }

    #[test]
    fn a_block_has_its_sizes_bytes_and_no_size_is_beyond_the_table() {
        for bytes in 1..=LARGE {
            let (number, size) = size_of(layout(bytes)).expect("small");
            assert!(size >= bytes && size.is_multiple_of(GRAIN) && number < SIZES, "{bytes}");
            assert_eq!(size_of(layout(size)), Some((number, size)), "{bytes}");
        }
        assert_eq!(size_of(layout(LARGE + 1)), None);
        assert_eq!(size_of(Layout::from_size_align(8, 64).expect("a layout")), None);
    }

    #[test]
    fn blocks_in_use_never_overlap_and_keep_what_is_written() {
        let memory = Memory::new();
        let mut used: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut dice = 7_u32;
        for turn in 0..20_000_u32 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let bytes = if dice.is_multiple_of(50) { 40_000 } else { (dice >> 8) as usize % 700 + 1 };
            let mark = turn.to_le_bytes()[0];
            // SAFETY: each block is read and written within its layout, and given back once with the layout that it has.
            unsafe {
                if used.len() > 200 {
                    let (block, size, written) = used.swap_remove((dice >> 4) as usize % used.len());
                    let content = std::slice::from_raw_parts(block, size);
                    assert!(content.iter().all(|byte| *byte == written), "somebody else wrote into a block");
                    if dice.is_multiple_of(3) {
                        let block = memory.realloc(block, layout(size), bytes);
                        let kept = std::slice::from_raw_parts(block, size.min(bytes));
                        assert!(kept.iter().all(|byte| *byte == written), "a block lost what it held");
                        block.write_bytes(mark, bytes);
                        used.push((block, bytes, mark));
                        continue;
                    }
                    memory.dealloc(block, layout(size));
                }
                let block = memory.alloc(layout(bytes));
                assert!(!block.is_null() && block.addr().is_multiple_of(8));
                block.write_bytes(mark, bytes);
                used.push((block, bytes, mark));
            }
        }
        for (block, size, _) in used {
            // SAFETY: as above.
            unsafe { memory.dealloc(block, layout(size)) };
        }
    }

    #[test]
    fn what_is_given_back_is_given_out_again() {
        let memory = Memory::new();
        // SAFETY: the blocks are given back with their layout.
        unsafe {
            let first = memory.alloc(layout(100));
            memory.dealloc(first, layout(100));
            assert_eq!(memory.alloc(layout(112)), first, "both are of the size of 112 bytes");
            assert_ne!(memory.alloc(layout(112)), first);
        }
    }
}
