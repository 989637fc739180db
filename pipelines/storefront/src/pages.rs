//! Rendering.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::views::{Figures, Home, Item};

macro_rules! templates {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../templates/", $name)))),*] };
}

const TEMPLATES: [(&str, &str); 13] = templates![
    "account.html",
    "base.html",
    "cart.html",
    "home.html",
    "item.html",
    "order.html",
    "orders.html",
    "parts.html",
    "problem.html",
    "reset.html",
    "room.html",
    "verify.html",
    "wall.html",
];

/// Why a page cannot be rendered: a bug, as every template is rendered in the tests.
#[derive(Debug, thiserror::Error)]
#[error("render {page}: {source}")]
pub struct PageError {
    page: &'static str,
    source: minijinja::Error,
}

/// The pages, ready to be filled.
#[derive(Debug)]
pub struct Storefront {
    templates: Environment<'static>,
}

impl Storefront {
    /// The pages of a shop with this name.
    pub fn new(shop: &str) -> Result<Self, PageError> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_filter("segment", segment);
        templates.add_global("shop", shop.to_owned());
        templates.add_global("locale", "en");
        templates.add_global("query", "");
        for (page, text) in TEMPLATES {
            templates.add_template(page, text).map_err(|source| PageError { page, source })?;
        }
        Ok(Self { templates })
    }

    fn render(&self, page: &'static str, values: Value) -> Result<String, PageError> {
        let rendered = self.templates.get_template(page).and_then(|template| template.render(values));
        rendered.map_err(|source| PageError { page, source })
    }

    fn render_view(&self, page: &'static str, view: &impl Serialize) -> Result<String, PageError> {
        self.render(page, Value::from(Serde(view)))
    }

    /// The first page, or a list of products.
    pub fn home(&self, home: &Home) -> Result<String, PageError> {
        self.render_view("home.html", home)
    }

    /// A product.
    pub fn item(&self, item: &Item) -> Result<String, PageError> {
        self.render_view("item.html", item)
    }

    /// An order; what it is, its scripts ask for, as the page does not know who reads it.
    pub fn order(&self, order: &str) -> Result<String, PageError> {
        self.render("order.html", context! { order })
    }

    /// The orders of whoever reads it.
    pub fn orders(&self) -> Result<String, PageError> {
        self.render("orders.html", context! {})
    }

    /// The cart of whoever reads it.
    pub fn cart(&self) -> Result<String, PageError> {
        self.render("cart.html", context! {})
    }

    /// Registering, signing in, and leaving.
    pub fn account(&self) -> Result<String, PageError> {
        self.render("account.html", context! {})
    }

    /// Where the link in the e-mail leads.
    pub fn verify(&self) -> Result<String, PageError> {
        self.render("verify.html", context! {})
    }

    /// Asking for a new password, and where the link in that e-mail leads.
    pub fn reset(&self) -> Result<String, PageError> {
        self.render("reset.html", context! {})
    }

    /// The waiting room of a sale.
    pub fn room(&self, sale: &str) -> Result<String, PageError> {
        self.render("room.html", context! { sale })
    }

    /// The wall of a sale.
    pub fn wall(&self, sale: &str, figures: &Figures) -> Result<String, PageError> {
        self.render("wall.html", context! { sale, figures => Serde(figures) })
    }

    /// What went wrong, for people.
    pub fn problem(&self, status: u16, title: &str, detail: &str) -> Result<String, PageError> {
        self.render("problem.html", context! { status, title, detail })
    }
}

/// A name as one part of a path: SKUs and sales may have a `/` in theirs, which the engine's own filter keeps.
fn segment(name: &Value) -> Result<String, minijinja::Error> {
    Ok(minijinja::filters::urlencode(name)?.replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::{Attribute, Card, FigureItem, Filter, FilterValue, Offer, Picture, Sale, Stock};

    const NASTY: &str = "<script>alert('\"&')</script>";

    fn offer() -> Offer {
        Offer {
            sale: NASTY.to_owned(),
            state: "open",
            price: "129.90 EUR".to_owned(),
            stock: Stock { free: 3, held: 2, sold: 5, waiting: 1 },
            limit: 2,
            most: 2,
            hold: "90 seconds".to_owned(),
            has_room: true,
        }
    }

    fn picture() -> Picture {
        Picture { link: format!("/images/{NASTY}"), alt: NASTY.to_owned() }
    }

    fn home() -> Home {
        let card = Card {
            sku: NASTY.to_owned(),
            title: NASTY.to_owned(),
            brand: Some(NASTY.to_owned()),
            picture: Some(picture()),
            offer: Some(offer()),
        };
        let value = FilterValue {
            name: NASTY.to_owned(),
            products: 3,
            link: "/?q=a&b=c".to_owned(),
            is_chosen: true,
        };
        Home {
            query: NASTY.to_owned(),
            chosen: true,
            sales: vec![Sale { name: NASTY.to_owned(), state: "open", opens_at: None, has_room: true }],
            filters: vec![Filter { name: NASTY.to_owned(), values: vec![value] }],
            cards: vec![card.clone(), Card { offer: None, picture: None, brand: None, ..card }],
            total: 2,
            page: 2,
            pages: 3,
            previous: Some("/?page=1".to_owned()),
            next: Some("/?page=3".to_owned()),
        }
    }

    fn item() -> Item {
        Item {
            sku: NASTY.to_owned(),
            title: NASTY.to_owned(),
            description: vec![NASTY.to_owned()],
            brand: Some(NASTY.to_owned()),
            trail: vec![NASTY.to_owned()],
            attributes: vec![Attribute { name: NASTY.to_owned(), value: NASTY.to_owned() }],
            pictures: vec![picture()],
            offer: Some(offer()),
        }
    }

    fn figures() -> Figures {
        let stock = Stock { free: 0, held: 0, sold: 0, waiting: 0 };
        Figures {
            stock,
            items: vec![FigureItem { sku: NASTY.to_owned(), title: NASTY.to_owned(), stock }],
            ..Figures::default()
        }
    }

    #[test]
    fn every_page_is_whole_and_reads_nothing_as_html() {
        let shop = Storefront::new(NASTY).unwrap();
        let pages = [
            shop.home(&home()),
            shop.home(&Home { page: 1, ..Home::default() }),
            shop.item(&item()),
            shop.item(&Item { offer: None, brand: None, ..item() }),
            shop.order(NASTY),
            shop.orders(),
            shop.cart(),
            shop.account(),
            shop.verify(),
            shop.reset(),
            shop.room(NASTY),
            shop.wall(NASTY, &figures()),
            shop.problem(404, NASTY, NASTY),
        ];
        for page in pages {
            let page = page.unwrap();
            assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
            assert!(!page.contains("<script>alert") && !page.contains("alert('\""), "{page}");
            assert!(!page.contains(" style=") && !page.contains("onclick"), "the policy forbids it: {page}");
        }
    }

    #[test]
    fn every_field_for_people_has_a_label() {
        let shop = Storefront::new("Shop").unwrap();
        for page in [shop.account(), shop.reset(), shop.item(&item()), shop.cart(), shop.home(&home())] {
            let page = page.unwrap();
            for field in page.split("<input id=\"").skip(1) {
                let id = field.split('"').next().unwrap();
                assert!(page.contains(&format!("for=\"{id}\"")), "{id} has no label");
            }
        }
    }

    #[test]
    fn a_bar_of_nothing_divides_by_nothing() {
        let page = Storefront::new("Shop").unwrap().wall("friday", &figures()).unwrap();
        assert!(page.contains("width=\"0") && !page.contains("NaN"), "{page}");
    }
}
