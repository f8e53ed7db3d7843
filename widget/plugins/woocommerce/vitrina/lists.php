<?php
/** Lists in the shop's pages: in place of "related products", under the cart, and anywhere by block or shortcode. */

defined('ABSPATH') || exit;

const VITRINA_ATTRIBUTES = array('placement', 'item-id', 'item-ids', 'category', 'limit', 'layout', 'heading');

/** The id that an item has in the catalog: its own SKU, as the product export writes it, else its number. */
function vitrina_item_id($product)
{
    $sku = trim((string) $product->get_sku('edit'));
    return $sku !== '' ? $sku : (string) $product->get_id();
}

/** One element; attributes that are unknown or empty are left out. A list for a category knows that of the page. `<i></i>`: see VITRINA_ROOM. */
function vitrina_element($attributes)
{
    if (($attributes['placement'] ?? '') === 'category' && empty($attributes['category']) && is_product_category()) {
        $attributes['category'] = single_term_title('', false);
    }
    $written = '';
    foreach (VITRINA_ATTRIBUTES as $name) {
        $value = trim((string) ($attributes[$name] ?? ''));
        if ($value !== '') {
            $written .= sprintf(' %s="%s"', $name, esc_attr($value));
        }
    }
    $rows = in_array($attributes['layout'] ?? '', array('grid', 'list'), true) ? (int) ($attributes['limit'] ?? 0) ?: 8 : 1;
    return '<vitrina-recommendations' . $written . '>' . str_repeat('<i></i>', max(1, min(100, $rows))) . '</vitrina-recommendations>';
}

function vitrina_replace_related_products()
{
    if (!vitrina_settings()['related']) {
        return;
    }
    remove_action('woocommerce_after_single_product_summary', 'woocommerce_output_related_products', 20);
    add_action('woocommerce_after_single_product_summary', 'vitrina_print_product_list', 20);
}

function vitrina_print_product_list()
{
    global $product;
    $id = is_object($product) ? vitrina_item_id($product) : '';
    echo vitrina_element(array('placement' => 'product-page', 'item-id' => $id));
}

function vitrina_print_cart_list()
{
    if (!vitrina_settings()['cart']) {
        return;
    }
    $ids = array();
    foreach (WC()->cart ? WC()->cart->get_cart() : array() as $line) {
        $ids[] = vitrina_item_id($line['data']);
    }
    echo vitrina_element(array('placement' => 'cart', 'item-ids' => implode(',', array_unique($ids))));
}

/** `[vitrina placement="home" limit="8" layout="grid" heading="Picked for you"]` */
function vitrina_shortcode($attributes)
{
    $attributes = is_array($attributes) ? $attributes : array();
    foreach (array('item_id' => 'item-id', 'item_ids' => 'item-ids') as $also => $name) {
        $attributes[$name] = $attributes[$name] ?? $attributes[$also] ?? '';
    }
    return vitrina_element($attributes + array('placement' => 'home'));
}

/** The same for block themes, where hooks of the classic templates are not called. */
function vitrina_register_block()
{
    if (!function_exists('register_block_type')) {
        return;
    }
    wp_register_script('vitrina-block', plugins_url('block.js', __FILE__), array('wp-blocks', 'wp-element', 'wp-block-editor', 'wp-components'), '1.0.0', true);
    $text = array('type' => 'string', 'default' => '');
    register_block_type('vitrina/recommendations', array(
        'api_version' => 3,
        'title' => 'Vitrina recommendations',
        'category' => 'widgets',
        'editor_script' => 'vitrina-block',
        'attributes' => array('placement' => array('type' => 'string', 'default' => 'home'), 'limit' => $text, 'layout' => $text, 'heading' => $text),
        'render_callback' => 'vitrina_render_block',
    ));
}

/** On a product's page the block knows the product. */
function vitrina_render_block($attributes)
{
    $product = ($attributes['placement'] ?? '') === 'product-page' && function_exists('wc_get_product') ? wc_get_product() : null;
    return vitrina_element(($product ? array('item-id' => vitrina_item_id($product)) : array()) + (array) $attributes);
}
