//! Carts in the table `carts`: one item each, written only over the version that was read. Whoever comes second reads
//! again and makes their change to what the first one left, so that two tabs lose no line.
//!
//! A cart that nobody touches goes after [`CART_MS`](crate::limits::CART_MS).

use std::collections::HashMap;
use std::fmt;

use order_model::{CustomerId, OrderId, Sku, TimeMs};
use sink_push::Clock;
use tables::sdk::types::AttributeValue;
use tables::{Table, Tables, TablesError};

use crate::cart::{Cart, CartLine, Checkout, LineError};
use crate::limits::{CART_MS, CART_TRIES_MAX};
use crate::random::{NoRandom, random};
use crate::store::{Item, Reader, StoreError, Tries, ask, expiry, get, number, text};

const READ: &str = "read a cart";
const WRITE: &str = "write a cart";

/// Why a cart was not read or changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CartError {
    /// A line cannot be in a cart.
    #[error(transparent)]
    Line(#[from] LineError),
    /// There is nothing to order.
    #[error("the cart is empty; put something in first")]
    Empty,
    /// Somebody changed it again and again.
    #[error("the cart was changed by others at the same time; try again")]
    Contended,
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Carts. Keeps nothing but its connections. Cheap to clone.
#[derive(Clone)]
pub struct Carts {
    tables: Tables,
    clock: Clock,
}

impl fmt::Debug for Carts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carts").finish_non_exhaustive()
    }
}

impl Carts {
    /// Carts in this table, once it is found to be sound.
    pub async fn open(tables: Tables, clock: Clock) -> Result<Self, TablesError> {
        tables.check(&[Table::Carts]).await?;
        Ok(Self::over(tables, clock))
    }

    /// Carts in this table, whether or not it answers just now.
    pub fn over(tables: Tables, clock: Clock) -> Self {
        Self { tables, clock }
    }

    /// Somebody's cart; an empty one, if they have none.
    pub async fn get(&self, customer: CustomerId) -> Result<Cart, CartError> {
        Ok(self.read(customer).await?)
    }

    /// Puts a line in, in the place of one for the same.
    pub async fn put_line(&self, customer: CustomerId, line: CartLine) -> Result<Cart, CartError> {
        self.change(customer, |cart| Ok(cart.put(line)?)).await
    }

    /// Takes a line out; there need not be one.
    pub async fn remove_line(&self, customer: CustomerId, sku: &Sku) -> Result<Cart, CartError> {
        self.change(customer, |cart| {
            cart.remove(sku);
            Ok(())
        })
        .await
    }

    /// Takes all lines out.
    pub async fn clear(&self, customer: CustomerId) -> Result<Cart, CartError> {
        self.change(customer, |cart| {
            cart.lines.clear();
            Ok(())
        })
        .await
    }

    /// Takes the lines for a check-out, and says under which id they are to be ordered. Until [`Carts::placed`] or
    /// [`Carts::give_back`] says what became of that order, every further check-out gets the same; and for an hour after
    /// that, as long as the cart stays empty.
    pub async fn take(&self, customer: CustomerId) -> Result<Checkout, CartError> {
        let now = (self.clock)();
        let order = OrderId(random()?);
        let cart = self.change(customer, |cart| cart.take(order, now).map(|_| ()).ok_or(CartError::Empty));
        cart.await?.checkout.ok_or(CartError::Empty)
    }

    /// Notes that the order of a check-out is placed: acknowledged by the log. Repeats, and other orders, change nothing.
    pub async fn placed(&self, customer: CustomerId, order: OrderId) -> Result<(), CartError> {
        self.change(customer, |cart| {
            cart.placed(order);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Puts the lines of a check-out back, whose order certainly is not in the log by whoever began it; changes nothing
    /// where somebody asked again. Where it is not certain, check out again instead: it is the same order.
    pub async fn give_back(&self, customer: CustomerId, order: OrderId) -> Result<Cart, CartError> {
        self.change(customer, |cart| {
            cart.give_back(order);
            Ok(())
        })
        .await
    }

    async fn read(&self, customer: CustomerId) -> Result<Cart, StoreError> {
        let item = get(&self.tables, Table::Carts, key(customer), READ).await?;
        item.map_or_else(|| Ok(Cart::default()), |item| cart(&item, (self.clock)()))
    }

    /// Changes a cart as it stands; what changes nothing is not written.
    async fn change(
        &self,
        customer: CustomerId,
        change: impl Fn(&mut Cart) -> Result<(), CartError>,
    ) -> Result<Cart, CartError> {
        let mut tries = Tries::new();
        loop {
            let standing = self.read(customer).await?;
            let mut changed = standing.clone();
            change(&mut changed)?;
            if changed == standing {
                return Ok(standing);
            }
            changed.version = standing.version.saturating_add(1);
            if self.write(customer, &changed, standing.version).await? {
                return Ok(changed);
            }
            if !tries.again(CART_TRIES_MAX).await {
                return Err(CartError::Contended);
            }
        }
    }

    /// Writes over this version only; `false`: it is another.
    async fn write(&self, customer: CustomerId, cart: &Cart, over: u64) -> Result<bool, StoreError> {
        let expires = TimeMs((self.clock)().0.saturating_add(CART_MS));
        let request = self
            .tables
            .client()
            .put_item()
            .table_name(self.tables.name(Table::Carts))
            .set_item(Some(item(customer, cart, expires)))
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(over));
        let request = if over == 0 {
            request.condition_expression("attribute_not_exists(#version) OR #version = :version")
        } else {
            request.condition_expression("#version = :version")
        };
        Ok(ask(WRITE, || request.clone().send()).await?.is_some())
    }
}

fn key(customer: CustomerId) -> Item {
    let customer = text(customer.to_string());
    Item::from([("customer".to_owned(), customer), ("part".to_owned(), text("cart"))])
}

fn item(customer: CustomerId, cart: &Cart, expires: TimeMs) -> Item {
    let mut item = key(customer);
    item.insert("lines".to_owned(), lines_value(&cart.lines));
    item.insert("version".to_owned(), number(cart.version));
    item.insert("expires_at".to_owned(), expiry(expires));
    if let Some(checkout) = &cart.checkout {
        let fields = HashMap::from([
            ("order".to_owned(), text(checkout.order.to_string())),
            ("lines".to_owned(), lines_value(&checkout.lines)),
            ("taken_at".to_owned(), number(checkout.taken_at)),
            ("placed".to_owned(), AttributeValue::Bool(checkout.is_placed)),
            ("repeated".to_owned(), AttributeValue::Bool(checkout.is_repeated)),
        ]);
        item.insert("checkout".to_owned(), AttributeValue::M(fields));
    }
    item
}

fn lines_value(lines: &[CartLine]) -> AttributeValue {
    let line = |line: &CartLine| {
        AttributeValue::M(HashMap::from([
            ("sku".to_owned(), text(line.sku.to_string())),
            ("quantity".to_owned(), number(line.quantity)),
        ]))
    };
    AttributeValue::L(lines.iter().map(line).collect())
}

fn cart(item: &Item, now: TimeMs) -> Result<Cart, StoreError> {
    let reader = Reader { table: Table::Carts, item };
    let version = reader.number("version")?;
    // Gone as far as people see; the version stays, for the write that comes over it.
    if reader.is_over(now) {
        return Ok(Cart { version, ..Cart::default() });
    }
    let unreadable = || StoreError::unreadable(Table::Carts, "checkout");
    let checkout = match item.get("checkout") {
        None => None,
        Some(fields) => {
            let fields = fields.as_m().map_err(|_| unreadable())?;
            let inner = Reader { table: Table::Carts, item: fields };
            let is_set =
                |name: &str| fields.get(name).and_then(|value| value.as_bool().ok().copied()) == Some(true);
            Some(Checkout {
                order: inner.parsed("order")?,
                lines: lines(fields)?,
                taken_at: TimeMs(inner.number("taken_at")?),
                is_placed: is_set("placed"),
                is_repeated: is_set("repeated"),
            })
        }
    };
    Ok(Cart { lines: lines(item)?, checkout, version })
}

fn lines(item: &Item) -> Result<Vec<CartLine>, StoreError> {
    let unreadable = || StoreError::unreadable(Table::Carts, "lines");
    let lines = item.get("lines").and_then(|lines| lines.as_l().ok()).ok_or_else(unreadable)?;
    let line = |line: &AttributeValue| {
        let fields = line.as_m().map_err(|_| unreadable())?;
        let reader = Reader { table: Table::Carts, item: fields };
        let quantity = u32::try_from(reader.number("quantity")?).map_err(|_| unreadable())?;
        Ok(CartLine { sku: reader.parsed("sku")?, quantity })
    };
    lines.iter().map(line).collect()
}
