//! The input of a model: an element, and what is put around it.

use degu_genome::{encode, reverse_complement_in_place};
use degu_train::ModelCard;

use super::Result;

/// Length of a model's input and the flanks of its assay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    length: usize,
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Window {
    /// The window of a model card.
    ///
    /// # Errors
    ///
    /// If the card's flanks are no sequences.
    pub fn of(card: &ModelCard) -> Result<Self> {
        let flank = |text: &str| -> Result<Vec<u8>> { Ok(encode(text.as_bytes())?.codes) };
        Ok(Self {
            length: card.length,
            left: flank(&card.flanks.0)?,
            right: flank(&card.flanks.1)?,
        })
    }

    /// A window from its parts.
    pub fn new(length: usize, left: Vec<u8>, right: Vec<u8>) -> Self {
        Self {
            length,
            left,
            right,
        }
    }

    /// Length of the whole input in bp.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Length of an element in bp.
    pub fn element(&self) -> usize {
        self.length
            .saturating_sub(self.left.len() + self.right.len())
    }

    /// Bases before an element.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// Appends an element between the flanks, or a sequence that has the model's length already;
    /// returns where the given sequence begins in the input.
    ///
    /// # Errors
    ///
    /// What was expected and what was found.
    pub fn place(&self, codes: &[u8], all: &mut Vec<u8>) -> Result<usize, String> {
        if codes.len() == self.length {
            all.extend_from_slice(codes);
            return Ok(0);
        }
        let element = self.element();
        if codes.len() == element {
            all.extend_from_slice(&self.left);
            all.extend_from_slice(codes);
            all.extend_from_slice(&self.right);
            return Ok(self.left.len());
        }
        let expected = if element == self.length {
            format!("{element} bp")
        } else {
            format!("{element} bp (or {} bp with the flanks)", self.length)
        };
        Err(format!("expected {expected}, found {} bp", codes.len()))
    }

    /// The other strand of each element; flanks stay, as the adaptors of an assay do.
    pub fn reverse_strand(&self, codes: &[u8]) -> Vec<u8> {
        let mut reversed = codes.to_vec();
        for row in reversed.chunks_mut(self.length) {
            let end = row.len() - self.right.len();
            if let Some(element) = row.get_mut(self.left.len()..end) {
                reverse_complement_in_place(element);
            }
        }
        reversed
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    fn window() -> Window {
        Window::new(6, vec![0], vec![3, 3])
    }

    #[test]
    fn elements_are_put_between_flanks_and_whole_inputs_stay() {
        let mut all = Vec::new();
        assert_eq!(window().place(&[1, 1, 2], &mut all), Ok(1));
        assert_eq!(window().place(&[2, 2, 2, 2, 2, 2], &mut all), Ok(0));
        assert_eq!(all, [0, 1, 1, 2, 3, 3, 2, 2, 2, 2, 2, 2]);
        let problem = window().place(&[1], &mut all).unwrap_err();
        assert_eq!(
            problem,
            "expected 3 bp (or 6 bp with the flanks), found 1 bp"
        );
    }

    #[test]
    fn without_flanks_there_is_one_length() {
        let window = Window::new(3, Vec::new(), Vec::new());
        assert_eq!(
            (window.element(), window.left(), window.length()),
            (3, 0, 3)
        );
        let problem = window.place(&[0; 4], &mut Vec::new()).unwrap_err();
        assert_eq!(problem, "expected 3 bp, found 4 bp");
        assert_eq!(
            window.reverse_strand(&[0, 0, 1, 3, 2, 2]),
            [2, 3, 3, 1, 1, 0]
        );
        assert_eq!(Window::new(2, vec![0; 2], vec![0; 3]).element(), 0);
    }

    #[test]
    fn the_other_strand_keeps_its_flanks() {
        assert_eq!(
            window().reverse_strand(&[0, 1, 1, 0, 3, 3]),
            [0, 3, 2, 2, 3, 3]
        );
    }
}
