use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A map that forgets what was not asked for lately and never holds more than its bound.
///
/// Two generations: when the young one has half the bound, it becomes the old one, and what was
/// the old one is dropped. What is found in the old one is young again.
#[derive(Debug)]
pub(super) struct BoundedCache<K, V> {
    half: usize,
    generations: Mutex<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> BoundedCache<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { half: (entries_max / 2).max(1), generations: Mutex::new(generations) }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut generations = self.lock();
        if let Some(found) = generations.young.get(key) {
            return Some(found.clone());
        }
        let (key, value) = generations.old.remove_entry(key)?;
        self.put(&mut generations, key, value.clone());
        Some(value)
    }

    pub(super) fn insert(&self, key: K, value: V) {
        self.put(&mut self.lock(), key, value);
    }

    fn put(&self, generations: &mut Generations<K, V>, key: K, value: V) {
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, value);
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        // A map is whole between two calls, whatever became of another thread.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(cache: &BoundedCache<u32, u32>) -> usize {
        let generations = cache.lock();
        generations.young.len() + generations.old.len()
    }

    #[test]
    fn it_never_holds_more_than_its_bound() {
        let cache = BoundedCache::new(10);
        for i in 0..100 {
            cache.insert(i, i);
            assert!(size(&cache) <= 10);
        }
        assert_eq!(cache.get(&99), Some(99));
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn what_is_asked_for_stays() {
        let cache = BoundedCache::new(10);
        cache.insert(0, 7);
        for i in 1..100 {
            cache.insert(i, i);
            assert_eq!(cache.get(&0), Some(7));
        }
    }
}
