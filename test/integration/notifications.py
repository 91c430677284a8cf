#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A desktop that shows notifications: each as a line of JSON."""
import json

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = 'org.freedesktop.Notifications'


class Notifications(dbus.service.Object):
    @dbus.service.method(NAME, in_signature='susssasa{sv}i', out_signature='u')
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        print(json.dumps({'app': app, 'summary': summary, 'body': body, 'urgency': int(hints['urgency'])}), flush=True)
        return dbus.UInt32(1)


DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName(NAME, bus)
shown = Notifications(bus, '/org/freedesktop/Notifications')
print('ready', flush=True)
GLib.MainLoop().run()
