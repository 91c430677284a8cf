/* SPDX-License-Identifier: MIT */
#include "protocol/browser-policy.h"

#include "protocol/json-value.h"

#define DEPTH_MAX 30U
#define DIGITS_MAX 18U
#define RULES "AutoSelectCertificateForUrls"
#define RULES_MAX 1000U
#define RULE_DEPTH_MAX 6U
#define RULE_MAX 8192U /* characters */
#define DEVICES "SecurityDevices"

/* --- Files --- */

/* An integer that json-c would change. */
static bool has_long_number(ByteView file) {
        bool string = false;
        size_t digits = 0;

        for (size_t i = 0; i < file.size; i++) {
                uint8_t c = file.data[i];
                if (string && c == '\\')
                        i++;
                else if (c == '"')
                        string = !string;
                digits = !string && c >= '0' && c <= '9' ? digits + 1 : 0;
                if (digits > DIGITS_MAX)
                        return true;
        }
        return false;
}

static int parse(ByteView file, struct json_object **ret) {
        if (file.size == 0)
                return json_new_object(ret);
        return file.size > BROWSER_POLICY_MAX || has_long_number(file) ? -E2BIG :
                                                                         json_parse_strict(file, DEPTH_MAX, ret);
}

/* As people write JSON, for they may have to read it. */
static int format(struct json_object *o, Bytes *ret) {
        const char *text;
        Bytes copy;

        if (json_object_object_length(o) == 0) {
                *ret = BYTES_NULL;
                return 0;
        }
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return -ENOMEM;
        size_t n = strlen(text);
        int r = bytes_copy(VIEW(text, n), &copy);
        if (r < 0)
                return r;
        copy.data[n] = '\n'; /* in place of the NUL that nobody counts */
        copy.size = n + 1;
        *ret = copy;
        return 0;
}

/* The object of that name, made if it is not there. */
static int need_object(struct json_object *o, const char *name, struct json_object **ret) {
        struct json_object *made;

        int r = json_member_object(o, name, ret);
        if (r != -ENOENT)
                return r;
        r = json_new_object(&made);
        if (r >= 0)
                r = json_add(o, name, made);
        if (r >= 0)
                *ret = made;
        return r;
}

static void drop_empty(struct json_object *o, const char *name) {
        struct json_object *v;

        if (json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_object) &&
            json_object_object_length(v) == 0)
                json_object_object_del(o, name);
}

/* --- Chromium --- */

/* Enough to keep nonsense out of a file that Chromium then takes or leaves; it knows more. */
bool chromium_pattern_valid(const char *pattern) {
        const char *host = strncmp(pattern, "https://", 8) == 0 ? pattern + 8 : pattern;

        if (!*host || strlen(pattern) > BROWSER_PATTERN_MAX)
                return false;
        for (const char *p = host; *p; p++)
                if (!strchr("-.:[]*", *p) && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
                    !(*p >= '0' && *p <= '9'))
                        return false;
        return true;
}

/* A rule is JSON in a string. */
static int parse_rule(struct json_object *v, struct json_object **ret) {
        _cleanup_free_ char *text = NULL;

        int r = json_value_text(v, RULE_MAX, &text);
        return r < 0 ? r : json_parse_strict(VIEW_STR(text), RULE_DEPTH_MAX, ret);
}

static bool is_listed(const char *pattern, const char *const *patterns, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(pattern, patterns[i]) == 0)
                        return true;
        return n == 0;
}

/* Is it for one of the patterns (or are there none to compare with)? What is no rule is nobody's. */
static bool rule_is_for(struct json_object *v, const char *const *patterns, size_t n) {
        _cleanup_json_ struct json_object *rule = NULL;
        _cleanup_free_ char *pattern = NULL;

        if (n == 0)
                return true;
        return parse_rule(v, &rule) >= 0 && json_member_text(rule, "pattern", BROWSER_PATTERN_MAX, &pattern) >= 0 &&
               is_listed(pattern, patterns, n);
}

static void delete_rules(struct json_object *rules, const char *const *patterns, size_t n) {
        for (size_t i = json_object_array_length(rules); i > 0; i--)
                if (rule_is_for(json_object_array_get_idx(rules, i - 1), patterns, n))
                        (void) json_object_array_del_idx(rules, i - 1, 1);
}

/* {"pattern": …, "filter": {"ISSUER": {"CN": …}}} */
static int append_rule(struct json_object *rules, const char *pattern, const char *issuer) {
        _cleanup_json_ struct json_object *rule = NULL;
        struct json_object *filter, *names;
        int r;

        if ((r = json_new_object(&rule)) < 0 || (r = json_add_text(rule, "pattern", pattern)) < 0 ||
            (r = need_object(rule, "filter", &filter)) < 0 || (r = need_object(filter, "ISSUER", &names)) < 0 ||
            (r = json_add_text(names, "CN", issuer)) < 0)
                return r;
        const char *text = json_object_to_json_string_ext(rule, JSON_C_TO_STRING_PLAIN |
                                                                        JSON_C_TO_STRING_NOSLASHESCAPE);
        return text ? json_append(rules, json_object_new_string(text)) : -ENOMEM;
}

static int get_rules(struct json_object *o, struct json_object **ret) {
        struct json_object *made;

        int r = json_member_array(o, RULES, RULES_MAX, ret);
        if (r != -ENOENT)
                return r;
        r = json_new_array(&made);
        if (r >= 0)
                r = json_add(o, RULES, made);
        if (r >= 0)
                *ret = made;
        return r;
}

int chromium_policy_add(ByteView file, const char *const *patterns, size_t n, const char *issuer, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *rules;
        int r;

        if ((r = parse(file, &o)) < 0 || (r = get_rules(o, &rules)) < 0)
                return r;
        if (n > 0)
                delete_rules(rules, patterns, n);
        for (size_t i = 0; i < n; i++)
                if ((r = append_rule(rules, patterns[i], issuer)) < 0)
                        return r;
        return format(o, ret);
}

int chromium_policy_remove(ByteView file, const char *const *patterns, size_t n, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *rules;
        int r;

        if ((r = parse(file, &o)) < 0)
                return r;
        r = json_member_array(o, RULES, RULES_MAX, &rules);
        if (r == -ENOENT)
                return bytes_copy(file, ret);
        if (r < 0)
                return r;
        delete_rules(rules, patterns, n);
        if (json_object_array_length(rules) == 0)
                json_object_object_del(o, RULES);
        return format(o, ret);
}

static bool rule_names(struct json_object *v, const char *issuer) {
        _cleanup_json_ struct json_object *rule = NULL;
        _cleanup_free_ char *name = NULL;
        struct json_object *filter, *names;

        return parse_rule(v, &rule) >= 0 && json_member_object(rule, "filter", &filter) >= 0 &&
               json_member_object(filter, "ISSUER", &names) >= 0 &&
               json_member_text(names, "CN", RULE_MAX, &name) >= 0 && strcmp(name, issuer) == 0;
}

int chromium_policy_count(ByteView file, const char *issuer, ChromiumRules *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        ChromiumRules found = {};
        struct json_object *rules;

        int r = parse(file, &o);
        if (r < 0)
                return r;
        r = json_member_array(o, RULES, RULES_MAX, &rules);
        if (r < 0 && r != -ENOENT)
                return r;
        found.n = r < 0 ? 0 : json_object_array_length(rules);
        for (size_t i = 0; i < found.n; i++)
                found.n_issuer += rule_names(json_object_array_get_idx(rules, i), issuer);
        *ret = found;
        return 0;
}

/* --- Firefox --- */

/* Where the modules are: in "Add", or, in the old form, in SecurityDevices itself, which Firefox takes when it has
 * neither "Add" nor "Delete". */
static int find_modules(struct json_object *devices, struct json_object **ret) {
        struct json_object *v;

        int r = json_member_object(devices, "Add", ret);
        if (r != -ENOENT)
                return r;
        if (json_object_object_length(devices) == 0 || json_object_object_get_ex(devices, "Delete", &v))
                return -ENOENT;
        *ret = devices;
        return 0;
}

static int get_devices(struct json_object *o, struct json_object **ret_policies, struct json_object **ret) {
        int r = json_member_object(o, "policies", ret_policies);
        return r < 0 ? r : json_member_object(*ret_policies, DEVICES, ret);
}

int firefox_policy_add(ByteView file, const char *name, const char *library, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *policies, *devices, *modules;
        int r;

        if ((r = parse(file, &o)) < 0 || (r = need_object(o, "policies", &policies)) < 0 ||
            (r = need_object(policies, DEVICES, &devices)) < 0)
                return r;
        r = find_modules(devices, &modules);
        if (r == -ENOENT)
                r = need_object(devices, "Add", &modules);
        if (r >= 0)
                r = json_add_text(modules, name, library); /* in place of one that is there */
        return r < 0 ? r : format(o, ret);
}

int firefox_policy_remove(ByteView file, const char *name, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *policies, *devices, *modules, *v;

        int r = parse(file, &o);
        if (r >= 0)
                r = get_devices(o, &policies, &devices);
        if (r >= 0)
                r = find_modules(devices, &modules);
        if (r >= 0 && !json_object_object_get_ex(modules, name, &v))
                r = -ENOENT;
        if (r == -ENOENT)
                return bytes_copy(file, ret);
        if (r < 0)
                return r;
        json_object_object_del(modules, name);
        drop_empty(devices, "Add");
        drop_empty(policies, DEVICES);
        drop_empty(o, "policies");
        return format(o, ret);
}

int firefox_policy_get(ByteView file, const char *name, char **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *policies, *devices, *modules;

        int r = parse(file, &o);
        if (r >= 0)
                r = get_devices(o, &policies, &devices);
        if (r >= 0)
                r = find_modules(devices, &modules);
        return r < 0 ? r : json_member_text(modules, name, BROWSER_POLICY_MAX, ret);
}
