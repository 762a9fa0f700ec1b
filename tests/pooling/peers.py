"""Networks for pools: scripted ones, and one whose peers say nothing until they are told to."""

from __future__ import annotations

from tymeconn.net.seams import Address
from tymeconn.pooling import Pool
from tymeconn.testing.scripting import ScriptedConnector, ScriptedLookup, ScriptedNetwork, answer


def pool_of(*scripts, clock=lambda: 0.0, **options):
    """Return a pool and the network on which its connections follow the scripts."""
    network = ScriptedNetwork(*scripts, clock=clock)
    return Pool(network=network, **options), network


def begin(generator):
    """Take the first step of a generator, and return it."""
    next(generator)
    return generator


class Peer(ScriptedConnector):
    """One connection of `Peers`; it knows where it leads, and how many requests it has not answered."""

    def __init__(self, host):
        super().__init__([])
        self.host = host
        self.owing = 0
        self.looks = 0

    def send(self, data):
        self.owing += 1
        return super().send(data)

    def recv(self, size):
        self.looks += 1
        return super().recv(size)

    def answer(self, data):
        """Answer the oldest request."""
        self.owing -= 1
        self.say(data)

    @property
    def targets(self):
        """What was asked for, in order."""
        return [sent.split()[1].decode() for sent in self.sent]


class Peers:
    """A network on which any origin can be connected to, unless `refusing`."""

    def __init__(self, clock=lambda: 0.0):
        self.clock = clock
        self.connectors = []
        self.refusing = False

    def resolve(self, host, port):
        return ScriptedLookup((Address(0, (host, port)),))

    def connector(self, address, tls=None):
        if self.refusing:
            raise ConnectionRefusedError("nobody listens")
        self.connectors.append(Peer(address.sockaddr[0]))
        return self.connectors[-1]

    def prepare(self, tls):
        pass

    def ready(self, tls):
        return ScriptedLookup(())

    @property
    def open(self):
        """The connections that are not closed."""
        return [connector for connector in self.connectors if not connector.closed]


class Telling(Peers):
    """Its peers tell that nothing has come, and answer what they are sent if there is an answer."""

    def __init__(self, log=None, answering=True):
        super().__init__()
        self.log = [] if log is None else log
        self.answering = answering

    def connector(self, address, tls=None):
        peer = super().connector(address, tls)
        send = peer.send

        def logged(data):
            self.log.append("sent")
            taken = send(data)
            if self.answering and taken == len(data):
                peer.answer(answer("a"))
            return taken

        peer.send, peer.quiet = logged, lambda: not peer._readable
        return peer
