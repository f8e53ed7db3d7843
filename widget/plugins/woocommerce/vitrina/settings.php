<?php
/** Settings → Vitrina: where the server is, the shop's publishable key, and where lists stand by themselves. */

defined('ABSPATH') || exit;

/** The settings, complete: `host` without a slash at the end, `key`, `consent`, `related`, `cart`. */
function vitrina_settings()
{
    $defaults = array('host' => '', 'key' => '', 'consent' => 'granted', 'related' => '1', 'cart' => '1');
    $saved = get_option('vitrina', array());
    return array_merge($defaults, is_array($saved) ? $saved : array());
}

function vitrina_add_settings_page()
{
    add_options_page('Vitrina', 'Vitrina', 'manage_options', 'vitrina', 'vitrina_print_settings_page');
}

function vitrina_register_settings()
{
    register_setting('vitrina', 'vitrina', array('type' => 'array', 'sanitize_callback' => 'vitrina_sanitize_settings'));
}

/** What was entered, with what cannot work left as it was, and said so. */
function vitrina_sanitize_settings($entered)
{
    $entered = is_array($entered) ? $entered : array();
    $kept = vitrina_settings();
    $host = untrailingslashit(esc_url_raw(trim((string) ($entered['host'] ?? '')), array('https', 'http')));
    if ($host === '') {
        add_settings_error('vitrina', 'host', 'The address of your server must begin with https://, such as https://vitrina.example.');
    } else {
        $kept['host'] = $host;
    }
    $key = trim((string) ($entered['key'] ?? ''));
    if (strpos($key, 'vsk_') === 0) {
        add_settings_error('vitrina', 'key', 'That is the secret key. Pages must never show it: enter the publishable one, vpk_….');
    } elseif (!preg_match('/^vpk_[\w-]{10,}$/', $key)) {
        add_settings_error('vitrina', 'key', 'The publishable key begins with vpk_. You got it when the shop was created.');
    } else {
        $kept['key'] = $key;
    }
    $kept['consent'] = ($entered['consent'] ?? '') === 'denied' ? 'denied' : 'granted';
    foreach (array('related', 'cart') as $switch) {
        $kept[$switch] = empty($entered[$switch]) ? '' : '1';
    }
    return $kept;
}

function vitrina_print_settings_page()
{
    $settings = vitrina_settings();
    echo '<div class="wrap"><h1>Vitrina</h1><form action="options.php" method="post">';
    settings_fields('vitrina');
    echo '<table class="form-table" role="presentation">';
    vitrina_print_row('host', 'Address of your server', sprintf(
        '<input id="vitrina-host" name="vitrina[host]" type="url" class="regular-text" value="%s" placeholder="https://vitrina.example">',
        esc_attr($settings['host'])
    ));
    vitrina_print_row('key', 'Publishable key', sprintf(
        '<input id="vitrina-key" name="vitrina[key]" type="text" class="regular-text" value="%s" placeholder="vpk_…">',
        esc_attr($settings['key'])
    ));
    foreach (array('related' => 'Replace "related products"', 'cart' => 'Show a list under the cart') as $name => $label) {
        vitrina_print_row($name, $label, sprintf(
            '<input id="vitrina-%1$s" name="vitrina[%1$s]" type="checkbox" value="1"%2$s>',
            esc_attr($name),
            $settings[$name] ? ' checked' : ''
        ));
    }
    vitrina_print_row('consent', 'Wait for consent', sprintf(
        '<input id="vitrina-consent" name="vitrina[consent]" type="checkbox" value="denied"%s> '
        . 'Until your consent banner tells Google Consent Mode, or calls vitrina.consent("granted"), nothing is stored.',
        $settings['consent'] === 'denied' ? ' checked' : ''
    ));
    echo '</table>';
    submit_button();
    echo '</form></div>';
}

function vitrina_print_row($name, $label, $field)
{
    printf('<tr><th scope="row"><label for="vitrina-%s">%s</label></th><td>%s</td></tr>', esc_attr($name), esc_html($label), $field);
}
