//! The shop's pages: `/products/{id}`, `/categories/{name}` and `/bestsellers`.

use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tower_keep::cache::{Cache, Tags};

use crate::catalogue::{Catalogue, Listed, Product};
use crate::failure::Failure;

/// How old a page may get that no edit has touched: what the cache was not told of, such as a change by hand in
/// psql, is seen after this.
const TTL: Duration = Duration::from_secs(60);

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) catalogue: Catalogue,
    pub(crate) cache: Cache,
}

/// The routes with their state.
pub(crate) fn routes(shop: Shop) -> Router {
    let page = || shop.cache.layer().ttl(TTL);
    Router::new()
        .route(
            "/products/{id}",
            get(product)
                .put(edit_product)
                .layer(page().tag("product:{id}")),
        )
        .route("/categories/{name}", get(category).layer(page()))
        .route("/bestsellers", get(bestsellers).layer(page()))
        .with_state(shop)
}

/// The layer tags the page with the id as it was written, `product:007`; this adds the row's own, `product:7`.
async fn product(
    State(shop): State<Shop>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<(Tags, Json<Product>), Failure> {
    let Path(id) = id?;
    let product = shop
        .catalogue
        .product(id)
        .await?
        .ok_or(Failure::NoSuchPage)?;
    Ok((Tags::from([tag(product.id)]), Json(product)))
}

/// The editable part of a product, whole.
#[derive(Debug, Deserialize)]
struct Edit {
    name: String,
    price_cents: i64,
}

async fn edit_product(
    State(shop): State<Shop>,
    id: Result<Path<i64>, PathRejection>,
    edit: Result<Json<Edit>, JsonRejection>,
) -> Result<Json<Product>, Failure> {
    let Path(id) = id?;
    let Json(edit) = edit?;
    if edit.price_cents < 0 {
        return Err(Failure::unprocessable("price_cents is negative"));
    }
    if !shop
        .catalogue
        .edit(id, &edit.name, edit.price_cents)
        .await?
    {
        return Err(Failure::NoSuchPage);
    }
    // The change is committed and stays. Should Redis be away, the cache goes on trying, and this process serves no
    // page with this tag until it got through.
    if let Err(error) = shop.cache.invalidate([tag(id)]).await {
        tracing::warn!(%error, product = id, "pages in other processes may be old for a while");
    }
    let product = shop
        .catalogue
        .product(id)
        .await?
        .ok_or(Failure::NoSuchPage)?;
    Ok(Json(product))
}

#[derive(Debug, Serialize)]
struct List {
    products: Vec<Listed>,
}

async fn category(
    State(shop): State<Shop>,
    name: Result<Path<String>, PathRejection>,
) -> Result<(Tags, Json<List>), Failure> {
    let Path(name) = name?;
    let products = shop.catalogue.category(&name).await?;
    if products.is_empty() {
        return Err(Failure::NoSuchPage);
    }
    Ok(list(products))
}

async fn bestsellers(State(shop): State<Shop>) -> Result<(Tags, Json<List>), Failure> {
    Ok(list(shop.catalogue.bestsellers().await?))
}

/// A list carries the tags of all rows on it, so that an edit of one of them is seen there too.
fn list(products: Vec<Listed>) -> (Tags, Json<List>) {
    let tags = products.iter().map(|product| tag(product.id)).collect();
    (tags, Json(List { products }))
}

fn tag(product: i64) -> String {
    format!("product:{product}")
}
