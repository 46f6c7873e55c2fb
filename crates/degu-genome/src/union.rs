//! Union-find over rows.

/// Union-find with the smallest row as the root of each set.
pub(crate) struct Union {
    parent: Vec<u32>,
}

impl Union {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            parent: (0..n as u32).collect(),
        }
    }

    fn root(&mut self, mut row: u32) -> u32 {
        while self.parent[row as usize] != row {
            let up = self.parent[self.parent[row as usize] as usize];
            self.parent[row as usize] = up;
            row = up;
        }
        row
    }

    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    pub(crate) fn labels(mut self) -> Vec<u32> {
        let mut labels = vec![0; self.parent.len()];
        let mut next = 0;
        for row in 0..self.parent.len() as u32 {
            let root = self.root(row);
            labels[row as usize] = if root == row {
                next += 1;
                next - 1
            } else {
                labels[root as usize]
            };
        }
        labels
    }
}
