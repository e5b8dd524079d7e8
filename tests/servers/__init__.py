"""Mail servers for tests: a real Dovecot, a server that plays a script, a proxy that counts and cuts.

What holds here: loopback only, ports chosen by the system, everything started is stopped and removed by its own context
manager, and nothing is imported from the product, so that what a server should serve is computed independently of it.
"""
