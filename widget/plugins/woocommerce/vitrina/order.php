<?php
/** Tells an order once, from its confirmation page. The order's number is the event's id: a reload counts nothing twice. */

defined('ABSPATH') || exit;

function vitrina_print_order($order_id)
{
    $order = wc_get_order($order_id);
    if (!$order || $order->has_status('failed')) {
        return;
    }
    $items = array();
    foreach ($order->get_items() as $line) {
        $product = $line->get_product();
        if (!$product) {
            continue;
        }
        $quantity = max(1, (int) $line->get_quantity());
        $items[] = array(
            'item_id' => vitrina_item_id($product),
            'quantity' => $quantity,
            'price' => round((float) $line->get_total() / $quantity, 2),
        );
    }
    $event = array(
        'transaction_id' => (string) $order->get_order_number(),
        'value' => (float) $order->get_total(),
        'currency' => $order->get_currency(),
        'items' => $items,
    );
    // Every < is escaped, so that no title or number can end the script
    $json = wp_json_encode(array('track', 'purchase', $event), JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT);
    wp_print_inline_script_tag('(window.vitrina = window.vitrina || []).push(' . $json . ');');
    $ids = array_column($items, 'item_id');
    echo vitrina_element(array('placement' => 'order-confirmation', 'item-ids' => implode(',', $ids)));
}
