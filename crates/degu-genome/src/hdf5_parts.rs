//! Data files in HDF5: where the sequences and labels of a part stand, and which axis of the labels
//! is which.

use std::ops::RangeInclusive;

use crate::hdf5::Hdf5File;

/// Names of the sequences and labels of a part: in a group (`Train/X` and `Train/y`) or with a
/// suffix (`x_train` and `y_train`), in any letter case; the first of the part's `words` that the
/// file has.
pub fn part_names(file: &Hdf5File, words: &[&str]) -> Option<(String, String)> {
    words
        .iter()
        .flat_map(|word| {
            [
                (format!("{word}/x"), format!("{word}/y")),
                (format!("x_{word}"), format!("y_{word}")),
            ]
        })
        .find(|(x, _)| file.has(x))
}

/// Order of the axes of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelAxes {
    /// `[N]` or `[N, T]`.
    RowsFirst {
        /// T.
        tasks: usize,
    },
    /// `[T, N]`.
    TasksFirst {
        /// T.
        tasks: usize,
    },
    /// As many rows as tasks: it cannot be told.
    Ambiguous,
    /// Neither.
    Unknown,
}

impl LabelAxes {
    /// The axes of labels of `rows` rows, with a number of tasks among `tasks`.
    ///
    /// ```
    /// use degu_genome::LabelAxes;
    /// assert_eq!(LabelAxes::of(&[120], 120, 1..=4), LabelAxes::RowsFirst { tasks: 1 });
    /// assert_eq!(LabelAxes::of(&[2, 120], 120, 1..=4), LabelAxes::TasksFirst { tasks: 2 });
    /// assert_eq!(LabelAxes::of(&[2, 2], 2, 1..=4), LabelAxes::Ambiguous);
    /// assert_eq!(LabelAxes::of(&[110, 2], 120, 1..=4), LabelAxes::Unknown);
    /// ```
    pub fn of(shape: &[u64], rows: usize, tasks: RangeInclusive<usize>) -> Self {
        let shape: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
        match shape[..] {
            [n] if n == rows && tasks.contains(&1) => Self::RowsFirst { tasks: 1 },
            [a, b] if a == rows && b == rows && tasks.contains(&rows) => Self::Ambiguous,
            [n, t] if n == rows && tasks.contains(&t) => Self::RowsFirst { tasks: t },
            [t, n] if n == rows && tasks.contains(&t) => Self::TasksFirst { tasks: t },
            _ => Self::Unknown,
        }
    }

    /// The axes of the labels of all parts of a file (shape, number of rows): where one part alone
    /// does not tell, another does.
    pub fn of_parts(parts: &[(Vec<u64>, usize)], tasks: &RangeInclusive<usize>) -> Vec<Self> {
        let alone: Vec<Self> = parts
            .iter()
            .map(|(shape, rows)| Self::of(shape, *rows, tasks.clone()))
            .collect();
        let known = alone
            .iter()
            .find(|axes| matches!(axes, Self::RowsFirst { .. } | Self::TasksFirst { .. }));
        let resolve = |(axes, (_, rows)): (&Self, &(Vec<u64>, usize))| match (axes, known) {
            (Self::Ambiguous, Some(Self::RowsFirst { .. })) => Self::RowsFirst { tasks: *rows },
            (Self::Ambiguous, Some(Self::TasksFirst { .. })) => Self::TasksFirst { tasks: *rows },
            _ => *axes,
        };
        alone.iter().zip(parts).map(resolve).collect()
    }

    /// The values as `[N, T]`.
    pub fn by_row(self, values: Vec<f32>) -> Vec<f32> {
        let Self::TasksFirst { tasks } = self else {
            return values;
        };
        let rows = values.len() / tasks;
        let index = (0..rows).flat_map(|i| (0..tasks).map(move |t| t * rows + i));
        index.map(|at| values[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::LabelAxes;

    #[test]
    fn a_part_with_as_many_rows_as_tasks_follows_the_others() {
        let parts = [(vec![2, 2], 2), (vec![2, 120], 120)];
        let axes = LabelAxes::of_parts(&parts, &(1..=4));
        assert_eq!(axes, [LabelAxes::TasksFirst { tasks: 2 }; 2]);
        let axes = LabelAxes::of_parts(&parts[..1], &(1..=4));
        assert_eq!(axes, [LabelAxes::Ambiguous]);
    }

    #[test]
    fn values_of_tasks_are_dealt_to_rows() {
        let axes = LabelAxes::TasksFirst { tasks: 2 };
        let values = vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        assert_eq!(axes.by_row(values), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        let axes = LabelAxes::RowsFirst { tasks: 2 };
        assert_eq!(axes.by_row(vec![1.0, 10.0]), [1.0, 10.0]);
    }
}
