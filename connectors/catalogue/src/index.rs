//! The full-text index, in memory: which products match words, and how well.
//!
//! A match is ranked by where and how a word matches alone, never by how frequent it is or in which order products came:
//! every gateway ranks alike, so that the second page may come from another one than the first.

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::indexer::LogMergePolicy;
use tantivy::query::{BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Query, TermQuery};
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{
    DocId, Index, IndexReader, IndexWriter, ReloadPolicy, Score, Searcher, SegmentOrdinal, SegmentReader,
    TantivyDocument, TantivyError, Term,
};

use crate::limits::{DELETED_SHARE_MAX, INDEX_BUFFER_BYTES};
use crate::product::Product;
use crate::words::{analyzer, spelled_out, typos_allowed};

/// The name of our analyzer within the index.
const WORDS: &str = "words";
/// The name of the field with a product's slot.
const SLOT: &str = "slot";

/// How much a match counts by the field it is in.
const NAME_WEIGHT: u8 = 6;
const GROUP_WEIGHT: u8 = 3;
const DETAIL_WEIGHT: u8 = 1;
/// How much a match counts by its kind.
const EXACT_WEIGHT: u8 = 4;
const PREFIX_WEIGHT: u8 = 3;
const TYPO_WEIGHT: u8 = 1;

#[derive(Clone, Copy, Debug)]
struct Fields {
    slot: Field,
    /// Titles and the SKU.
    name: Field,
    /// Brand, category and tags.
    group: Field,
    /// Attributes and descriptions.
    detail: Field,
}

/// Takes products; what it took is found after the next [`TextIndex::commit`].
pub(crate) struct TextIndex {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
}

/// Finds products as they were at one commit.
#[derive(Clone)]
pub(crate) struct TextSearch {
    searcher: Searcher,
    fields: Fields,
}

/// A product that matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Match {
    pub(crate) slot: u64,
    /// The higher, the better.
    pub(crate) rank: u32,
}

impl TextIndex {
    pub(crate) fn new() -> Result<Self, TantivyError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let text = TextOptions::default().set_indexing_options(indexing);
        let fields = Fields {
            slot: schema.add_u64_field(SLOT, INDEXED | FAST),
            name: schema.add_text_field("name", text.clone()),
            group: schema.add_text_field("group", text.clone()),
            detail: schema.add_text_field("detail", text),
        };
        let index = Index::create_in_ram(schema.build());
        index.tokenizers().register(WORDS, analyzer());
        let writer = index.writer_with_num_threads(1, INDEX_BUFFER_BYTES)?;
        let mut policy = LogMergePolicy::default();
        policy.set_del_docs_ratio_before_merge(DELETED_SHARE_MAX);
        writer.set_merge_policy(Box::new(policy));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { writer, reader, fields })
    }

    /// Takes a product into a slot that is empty.
    pub(crate) fn add(&self, slot: u32, product: &Product) -> Result<(), TantivyError> {
        let fields = self.fields;
        let mut document = TantivyDocument::default();
        document.add_u64(fields.slot, u64::from(slot));
        let mut add = |field: Field, text: &str| {
            document.add_text(field, text);
            if let Some(text) = spelled_out(text) {
                document.add_text(field, &text);
            }
        };
        add(fields.name, &product.title);
        add(fields.name, product.sku.as_str());
        add(fields.detail, &product.description);
        for text in &product.texts {
            add(fields.name, &text.title);
            add(fields.detail, &text.description);
        }
        let groups = product.brand.iter().chain(&product.category).chain(&product.tags);
        groups.for_each(|group| add(fields.group, group));
        for attribute in &product.attributes {
            add(fields.detail, &attribute.name);
            add(fields.detail, &attribute.value);
        }
        self.writer.add_document(document).map(drop)
    }

    /// Empties a slot.
    pub(crate) fn remove(&self, slot: u32) {
        self.writer.delete_term(Term::from_field_u64(self.fields.slot, u64::from(slot)));
    }

    /// Has everything found that was taken so far.
    pub(crate) fn commit(&mut self) -> Result<TextSearch, TantivyError> {
        self.writer.commit()?;
        self.reader.reload()?;
        Ok(TextSearch { searcher: self.reader.searcher(), fields: self.fields })
    }
}

impl TextSearch {
    /// The products in which every word matches, in no order. The last word may be a beginning.
    pub(crate) fn matches(&self, words: &[String]) -> Result<Vec<Match>, TantivyError> {
        let last = words.len().saturating_sub(1);
        let queries = words.iter().enumerate().map(|(index, word)| self.word(word, index == last));
        self.searcher.search(&BooleanQuery::intersection(queries.collect()), &Matches)
    }

    fn word(&self, word: &str, may_be_beginning: bool) -> Box<dyn Query> {
        let Fields { name, group, detail, .. } = self.fields;
        let typos = typos_allowed(word);
        let mut ways: Vec<Box<dyn Query>> = Vec::new();
        for (field, weight) in [(name, NAME_WEIGHT), (group, GROUP_WEIGHT), (detail, DETAIL_WEIGHT)] {
            let term = || Term::from_field_text(field, word);
            let mut way = |query: Box<dyn Query>, kind: u8| {
                ways.push(Box::new(ConstScoreQuery::new(query, Score::from(weight * kind))));
            };
            way(Box::new(TermQuery::new(term(), IndexRecordOption::Basic)), EXACT_WEIGHT);
            if may_be_beginning {
                way(Box::new(FuzzyTermQuery::new_prefix(term(), 0, true)), PREFIX_WEIGHT);
            }
            match (typos, may_be_beginning) {
                (0, _) => {}
                (_, true) => way(Box::new(FuzzyTermQuery::new_prefix(term(), typos, true)), TYPO_WEIGHT),
                (_, false) => way(Box::new(FuzzyTermQuery::new(term(), typos, true)), TYPO_WEIGHT),
            }
        }
        Box::new(DisjunctionMaxQuery::new(ways))
    }
}

/// Collects slots and ranks.
struct Matches;

struct SegmentMatches {
    slots: Column<u64>,
    found: Vec<Match>,
}

impl Collector for Matches {
    type Fruit = Vec<Match>;
    type Child = SegmentMatches;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentMatches> {
        Ok(SegmentMatches { slots: segment.fast_fields().u64(SLOT)?, found: Vec::new() })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Vec<Match>>) -> tantivy::Result<Vec<Match>> {
        Ok(segments.into_iter().flatten().collect())
    }
}

impl SegmentCollector for SegmentMatches {
    type Fruit = Vec<Match>;

    fn collect(&mut self, document: DocId, score: Score) {
        if let Some(slot) = self.slots.first(document) {
            self.found.push(Match { slot, rank: rank(score) });
        }
    }

    fn harvest(self) -> Vec<Match> {
        self.found
    }
}

/// Scores are sums of a few small whole numbers, so nothing is lost.
#[expect(clippy::as_conversions, reason = "there is no other way from a float; it saturates")]
fn rank(score: Score) -> u32 {
    score as u32
}
