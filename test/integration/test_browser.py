# SPDX-License-Identifier: MIT
"""Chromium with the device's certificate shows a page that needs it. (test_browser_running.py: goes on doing so.)"""
from rig_pkcs11 import PROXY, ModuleFile, page_of


def test_page(token, web, browse):
    b = browse(token)
    assert page_of(token.leaf) + 'protocol=TLSv1.3' in b.load(web.url())
    assert page_of(token.leaf) + 'protocol=TLSv1.2' in b.load(web.url(web.port12))
    # It sends the intermediate certificate that it found in the token.
    assert page_of(token.leaf) in b.load(web.url(web.port_root))


def test_page_with_the_module_file_alone(token, web, browse):
    with ModuleFile(token.p11kit):
        assert page_of(token.leaf) in browse(token, {}, PROXY).load(web.url())


def test_no_token_no_page(web, browse, scratch):
    """The control: what the tests above show is the token's doing."""
    class Nowhere:
        p11kit = f'{scratch}/nothing'
    assert 'No required SSL certificate was sent' in browse(Nowhere).load(web.url())
