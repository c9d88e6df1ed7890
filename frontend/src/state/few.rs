//! A map of a few entries. The standard library's maps are made for many: each pair of types costs the page as much as a
//! component.

/// Entries in the order they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Few<K, V> {
    fn at<Q: ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().position(|(known, _)| known == key)
    }

    /// The value of this key.
    #[must_use]
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.at(key).map(|at| &self.0[at].1)
    }

    /// The value of this key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.at(key).map(|at| &mut self.0[at].1)
    }

    /// Gives the key this value, in the place of the one it had.
    pub fn insert(&mut self, key: K, value: V) {
        match self.get_mut(&key) {
            Some(held) => *held = value,
            None => self.0.push((key, value)),
        }
    }

    /// Takes the key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.at(key).map(|at| self.0.remove(at).1)
    }

    /// Takes out all for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| keep(value));
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    /// All entries, their values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_value_and_keeps_its_place() {
        let mut few = Few::default();
        for (key, value) in [("a", 1), ("b", 2), ("a", 3)] {
            few.insert(key, value);
        }
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [("a", 3), ("b", 2)]);
        assert_eq!((few.remove(&"a"), few.remove(&"a"), few.get(&"b")), (Some(3), None, Some(&2)));
    }
}
