"""What an experiment's recipe owes to the data, a module a modality.

A module `jssl.own.adapters.<modality>` may define `adapt(experiment, found, options) ->
(experiment, notes)`, which changes what depends on the data beside the data spec, the classes and
the batch size: sizes, channels, normalisation, lengths, vocabularies. The experiment still has
its own data spec, whose sizes an adapter may read; one that leaves it there gets `found.data`.
Modalities without a module need none.
"""
