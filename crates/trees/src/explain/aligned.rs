//! Doubles that begin where a cache line begins.

/// Doubles of a cache line.
const LINE: usize = 8;

/// A slice that begins at a cache line, so that no group of lanes lies across two.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    buffer: Vec<f64>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// A copy of `values`.
    pub fn new(values: &[f64]) -> Self {
        let mut aligned = Self::default();
        aligned.resize(values.len());
        aligned.as_mut_slice().copy_from_slice(values);
        aligned
    }

    /// Makes it at least `len` long. What it holds is lost if it was shorter.
    pub fn resize(&mut self, len: usize) {
        if len > self.len {
            self.buffer = vec![0.0; len + LINE];
            // `usize::MAX` is a way to say that nothing is aligned; then speed is all that is lost.
            let start = self.buffer.as_ptr().align_offset(LINE * size_of::<f64>());
            self.start = start.min(LINE);
            self.len = len;
        }
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.buffer.capacity() * size_of::<f64>()
    }

    pub fn as_slice(&self) -> &[f64] {
        &self.buffer[self.start..self.start + self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}
