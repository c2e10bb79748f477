//! The shop's pages: `/products/{id}`, `/categories/{name}` and `/bestsellers`.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Listed, Product};
use crate::failure::Failure;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) catalogue: Catalogue,
}

/// The routes with their state.
pub(crate) fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/products/{id}", get(product).put(edit_product))
        .route("/categories/{name}", get(category))
        .route("/bestsellers", get(bestsellers))
        .with_state(shop)
}

async fn product(
    State(shop): State<Shop>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Product>, Failure> {
    let Path(id) = id?;
    let product = shop
        .catalogue
        .product(id)
        .await?
        .ok_or(Failure::NoSuchPage)?;
    Ok(Json(product))
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
) -> Result<Json<List>, Failure> {
    let Path(name) = name?;
    let products = shop.catalogue.category(&name).await?;
    if products.is_empty() {
        return Err(Failure::NoSuchPage);
    }
    Ok(Json(List { products }))
}

async fn bestsellers(State(shop): State<Shop>) -> Result<Json<List>, Failure> {
    let products = shop.catalogue.bestsellers().await?;
    Ok(Json(List { products }))
}
