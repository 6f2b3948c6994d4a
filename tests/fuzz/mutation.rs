//! Inputs like those of the corpus: pieces of them changed, repeated, left out, and put together. Blind,
//! where a fuzzer watches which code it reaches; but it runs wherever the tests do.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// What readers of text stumble over.
const ODD: [&[u8]; 16] = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\r",
    b"\n",
    b"\"",
    b"[[[[[[[[",
    b"1e400",
    b"-0",
    b"18446744073709551616",
    b"9007199254740993",
    b"null",
    b"9999-12-31T23:59:60Z",
    b"=",
];

/// Draws inputs, the same ones for the same seed.
pub(crate) struct Mutation {
    random: StdRng,
}

impl Mutation {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    /// One of the inputs with up to four changes.
    pub(crate) fn draw(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(corpus).clone();
        for _ in 0..self.random.random_range(1..=4) {
            self.change(&mut input, corpus);
        }
        input
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.random.random_range(0..all.len())]
    }

    /// A stretch of at most 16 bytes; empty at the end.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.random.random_range(0..=length);
        from..(from + self.random.random_range(0..=16)).min(length)
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let stretch = self.stretch(input.len());
        match self.random.random_range(0..5) {
            0 => {
                let byte = self.random.random();
                input[stretch].iter_mut().take(1).for_each(|found| *found = byte);
            }
            1 => drop(input.drain(stretch)),
            2 => {
                let odd = self.one_of(&ODD).to_vec();
                input.splice(stretch, odd);
            }
            3 => {
                let again = input[stretch.clone()].repeat(self.random.random_range(2..=4));
                input.splice(stretch, again);
            }
            _ => {
                let other = self.one_of(corpus);
                let piece = self.stretch(other.len());
                input.splice(stretch, other[piece].to_vec());
            }
        }
    }
}
