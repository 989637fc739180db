//! Bringing the topic to where a file wants it.

use catalogue::{Action, Change, ShelfLimits, changes, plan, try_on};

use crate::support::{full, memory, product, published, shelf, sku};

#[test]
fn only_differences_are_planned() {
    let current = published([product("a", "A"), product("b", "B"), product("c", "C")]);
    let mut changed = product("b", "B2");
    changed.tags.push("new".to_owned());
    let wanted = [product("a", "A"), changed.clone(), product("d", "D")];
    let names = |prune| -> Vec<_> {
        plan(&current, &wanted, prune).iter().map(|p| format!("{} {}", p.action.name(), p.sku)).collect()
    };
    assert_eq!(names(false), ["unchanged a", "change b", "add d"]);
    assert_eq!(names(true), ["unchanged a", "change b", "add d", "remove c"]);
    let planned = plan(&current, &wanted, true);
    let fields = vec!["title", "tags"];
    assert_eq!(planned[1].action, Action::Change { product: Box::new(changed.clone()), fields });
    let expected =
        [Change::Remove(sku("c")), Change::Put(Box::new(changed)), Change::Put(Box::new(product("d", "D")))];
    assert_eq!(changes(planned), expected);
}

#[test]
fn what_is_written_is_there_and_the_second_time_nothing_is() {
    let (log, topic) = memory();
    let wanted = [full(), product("b", "B")];
    let apply = |wanted: &[catalogue::Product]| {
        let (mut shelf, skipped) = topic.load(shelf()).unwrap();
        assert_eq!(skipped.count, 0);
        let changes = changes(plan(&shelf.publish().unwrap(), wanted, true));
        topic.write(&changes).unwrap();
        changes.len()
    };
    assert_eq!((apply(&wanted), apply(&wanted), apply(&wanted[..1])), (2, 0, 1));
    let records = log.records("catalogue", 0).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!((records[2].key.as_deref(), records[2].value.as_deref()), (Some(&b"b"[..]), None));
    let (mut shelf, _) = topic.load(shelf()).unwrap();
    assert_eq!(shelf.publish().unwrap().version(), published([full()]).version());
}

#[test]
fn what_would_not_fit_is_known_before_it_is_written() {
    let limits = ShelfLimits { products_max: 1, ..ShelfLimits::default() };
    let shelf = || catalogue::Shelf::new(limits).unwrap();
    let put = |name| Change::Put(Box::new(product(name, "X")));
    assert!(try_on(shelf(), &[put("a"), Change::Remove(sku("a")), put("b")]).is_ok());
    let refused = try_on(shelf(), &[put("a"), put("b")]).err().unwrap();
    assert_eq!(refused.0, sku("b"));
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let (_, mut topic) = memory();
    topic.name = "elsewhere".into();
    let error = topic.write(&[Change::Remove(sku("a"))]).unwrap_err().to_string();
    assert!(
        error.contains("there is no topic elsewhere") && error.contains("pipeline topic create"),
        "{error}"
    );
    assert!(topic.load(shelf()).is_err());
}
