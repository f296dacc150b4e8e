"""WHAT comes out: Allure, the approval page, the sealed dossier."""
